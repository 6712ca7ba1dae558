import { GraphSimulator, generateMailbox } from '../src/simulator/index.ts';
import { ADDRESS, NOW } from './scene.ts';

/**
 * The simulator in a process of its own, so that neither the load nor the measuring is counted as its work.
 * Answers `memory` and `change` messages; ends when its parent does.
 */
export interface Ready {
  url: string;
  token: string;
  generatedMs: number;
  rssBytes: number;
}

export interface Memory {
  rssBytes: number;
  heapBytes: number;
}

const events = Number(process.argv[2]);
const simulator = new GraphSimulator({ now: () => NOW, switches: { concurrencyLimit: 0, requestLimit: 0 } });
const began = performance.now();
const mailbox = generateMailbox(simulator, { address: ADDRESS, events, now: NOW });
const generatedMs = performance.now() - began;
const server = await simulator.listen();

process.on('message', (message: 'memory' | 'cpu' | { change: number }) => {
  if (message === 'memory') return process.send!(memory());
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    return process.send!((user + system) / 1000);
  }
  const ids = mailbox.listEvents().slice(0, message.change);
  for (const { id } of ids) mailbox.touch(id);
  return process.send!({ changed: ids.length });
});
process.on('disconnect', () => process.exit());
process.send!({
  url: server.url,
  token: simulator.accessToken(),
  generatedMs,
  rssBytes: memory().rssBytes,
} satisfies Ready);

function memory(): Memory {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}
