import type { GraphSimulator } from '../../src/simulator/index.ts';

/** A token of somebody signed in, for `/me`. */
export async function delegatedToken(_sim: GraphSimulator, _address: string): Promise<string | undefined> {
  return undefined;
}
