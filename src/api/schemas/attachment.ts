import { Type } from 'typebox';
import { Instant, listOf, Nullable, OneOf, Strict } from './common.ts';

export const Attachment = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    contentType: Type.String(),
    size: Type.Integer(),
    isInline: Type.Boolean(),
    contentId: Nullable(Type.String({ description: 'by which a body refers to a picture in it' })),
    kind: OneOf(['file', 'item', 'reference']),
    isCarried: Type.Boolean({ description: 'whether its content is carried between both sides, or it is only listed' }),
    reason: Nullable(Type.String({ description: 'why it is only listed, held back or refused' })),
    syncState: OneOf(['synced', 'pending', 'held', 'error']),
    lastModifiedDateTime: Instant,
  },
  { title: 'Attachment' },
);

export const AttachmentList = listOf('AttachmentList', Attachment);

/** Line breaks and the like end a name nowhere. */
const NO_CONTROLS = '^[^\\u0000-\\u001f\\u007f]*$';

export const NewAttachment = Strict(
  {
    name: Type.String({ minLength: 1, maxLength: 255, pattern: NO_CONTROLS, examples: ['agenda.pdf'] }),
    contentType: Type.String({
      maxLength: 255,
      pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\\s*;[ -~]*)?$',
      examples: ['application/pdf'],
    }),
    contentBytes: Type.String({ description: 'the file in base64; 3 MB before that at most' }),
    isInline: Type.Optional(Type.Boolean({ description: 'a picture in the body, not a file below it' })),
    contentId: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: NO_CONTROLS })),
  },
  { title: 'NewAttachment' },
);
