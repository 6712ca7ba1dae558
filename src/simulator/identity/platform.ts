import type { World } from '../mailbox/world.ts';
import { Directory } from './directory.ts';
import { TokenFailures } from './token-failures.ts';
import { TokenIssuer } from './token-issuer.ts';
import type { ClientRegistration } from './tokens.ts';

/** The parts of the identity platform that its endpoints work with. */
export interface Platform {
  readonly world: World;
  readonly directory: Directory;
  readonly issuer: TokenIssuer;
  readonly failures: TokenFailures;
}

export function createPlatform(o: {
  world: World;
  clients: readonly ClientRegistration[];
  lifetimeSeconds: () => number;
  seed: number;
}): Platform {
  const directory = new Directory(o.world, o.clients);
  return { world: o.world, directory, issuer: new TokenIssuer(directory, o), failures: new TokenFailures() };
}
