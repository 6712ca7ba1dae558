import { Type } from 'typebox';
import { AUDIT_ACTIONS } from '../../store/audit.repository.ts';
import { Instant, limit, Nullable, OneOf, QueryInstant, Strict } from './common.ts';

const Name = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }));

export const AuditQuery = Strict({
  userId: Name('about this user’s data'),
  actor: Name('done by this user'),
  action: Type.Optional(OneOf(AUDIT_ACTIONS)),
  from: Type.Optional(QueryInstant),
  to: Type.Optional(QueryInstant),
  limit: limit(50, 500),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
});

const AuditEntry = Type.Object(
  {
    id: Type.String(),
    at: Instant,
    actor: Nullable(Type.String({ description: 'who did it; null: the service by itself, or nobody known' })),
    actorRoles: Type.Array(Type.String()),
    action: OneOf(AUDIT_ACTIONS),
    subject: Nullable(Type.String({ description: 'whose data it was about' })),
    target: Nullable(Type.String({ description: 'what it was done to, by its id' })),
    outcome: OneOf(['done', 'refused', 'failed']),
    correlationId: Nullable(Type.String()),
    details: Nullable(Type.Record(Type.String(), Type.Unknown(), { description: 'ids and counts' })),
  },
  { title: 'AuditEntry' },
);

export const AuditPage = Type.Object(
  { items: Type.Array(AuditEntry), nextCursor: Nullable(Type.String()) },
  { title: 'AuditPage' },
);
