import { PostgresQueryCompiler } from 'kysely';

/**
 * PostgreSQL's texts cannot hold NUL, and a statement with one in a parameter fails. Outside of content, which is encrypted
 * and kept as it is, no text of ours has a use for it: an id with it is simply not found, a name shows a mark instead.
 */
export class TextSafeCompiler extends PostgresQueryCompiler {
  protected override addParameter(parameter: unknown): void {
    super.addParameter(typeof parameter === 'string' ? parameter.replaceAll('\0', '\ufffd') : parameter);
  }
}
