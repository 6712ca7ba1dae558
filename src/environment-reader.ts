import { readFileSync } from 'node:fs';
import { SyncError } from './core/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a file of a secret; `SyncError`s apart, it fails as `fs` does. */
export type ReadSecretFile = (path: string) => string;

/** No secret is longer; whoever names a log or a disk image means another file. */
const SECRET_FILE_BYTES = 64 * 1024;

export interface NumberRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly meaning: string;
}

/** Collects problems instead of stopping at the first; an empty variable counts as not set. */
export class EnvironmentReader {
  readonly #env: Environment;
  readonly #readFile: ReadSecretFile;
  readonly #problems: { path: string; message: string }[] = [];

  constructor(env: Environment, readFile: ReadSecretFile = (path) => readFileSync(path, 'utf8')) {
    this.#env = env;
    this.#readFile = readFile;
  }

  text(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  /**
   * A variable that may also be the content of the file named in `<name>_FILE`, as container platforms mount secrets.
   * What editors and `echo` put at the end of a file is not part of it.
   */
  secret(name: string): string | undefined {
    const value = this.text(name);
    const path = this.text(`${name}_FILE`);
    if (path === undefined) return value;
    const example = `/run/secrets/${name.toLowerCase()}`;
    if (value !== undefined) {
      this.problem(`${name}_FILE`, `and ${name} are both set; keep one of them`, example);
      return undefined;
    }
    const content = this.#contentOf(path);
    if (typeof content === 'string') return content;
    this.problem(`${name}_FILE`, content.problem, example);
    return undefined;
  }

  /** Whether the variable, or its file, is given at all: what is given and wrong is not missing as well. */
  isGiven(name: string): boolean {
    return this.text(name) !== undefined || this.text(`${name}_FILE`) !== undefined;
  }

  #contentOf(path: string): string | { readonly problem: string } {
    let content: string;
    try {
      content = this.#readFile(path);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'it is not a file of text';
      return { problem: `names a file that cannot be read (${reason}): ${quoted(path)}` };
    }
    const secret = content.replace(/^\uFEFF/, '').replace(/[\r\n]+$/, '');
    if (secret.trim() === '') return { problem: `names an empty file: ${quoted(path)}` };
    if (content.length > SECRET_FILE_BYTES || secret.includes('\0')) {
      return { problem: `names a file that is no secret (too large, or binary): ${quoted(path)}` };
    }
    return secret;
  }

  number(name: string, rule: NumberRule): number {
    const text = this.text(name);
    if (text === undefined) return rule.default;
    const value = Number(text);
    if (value >= rule.min && value <= rule.max) return value;
    this.problem(name, `must be ${rule.meaning}, not ${quoted(text)}`, String(rule.default));
    return rule.default;
  }

  wholeNumber(name: string, rule: NumberRule): number {
    const value = this.number(name, rule);
    if (Number.isInteger(value)) return value;
    this.problem(name, `must be ${rule.meaning}, not ${quoted(String(value))}`, String(rule.default));
    return rule.default;
  }

  oneOf<const Value extends string>(name: string, allowed: readonly Value[], preset: Value): Value {
    const text = this.text(name);
    const value = allowed.find((candidate) => candidate === text);
    if (text !== undefined && !value)
      this.problem(name, `must be one of ${allowed.join(', ')}, not ${quoted(text)}`, preset);
    return value ?? preset;
  }

  /** Plain `http:` would send tokens in the clear, so it is for this machine alone. */
  url(name: string, example: string, kind: 'origin' | 'address' = 'address'): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      this.problem(name, 'is not a web address', example);
      return undefined;
    }
    // PUBLIC_URL carries no token of ours: behind a proxy of a private network it may well be plain.
    if (url.protocol === 'http:' && name !== 'PUBLIC_URL' && !isLoopback(url.hostname)) {
      this.problem(name, 'must be https: (plain http: is accepted for this machine only)', example);
    }
    if (kind === 'origin' && url.pathname !== '/') {
      this.problem(name, 'must be an origin without a path', example);
    }
    return kind === 'origin' ? url.origin : text.replace(/\/+$/, '');
  }

  problem(name: string, problem: string, example: string): void {
    this.#problems.push({ path: name, message: `${name} ${problem}, e.g. ${name}=${example}` });
  }

  throwProblems(): void {
    if (this.#problems.length === 0) return;
    const lines = this.#problems.map(({ message }) => message);
    throw new SyncError('misconfigured', lines.join('\n'), { problems: this.#problems });
  }
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
