import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The machine's ceiling: `node:http` answering one document of the wanted size, and doing nothing else. */
const document = Buffer.alloc(Number(process.argv[2]), 'x');
const headers = { 'content-type': 'application/json', 'content-length': document.length };
const server = createServer((_, response) => response.writeHead(200, headers).end(document));
server.listen(0, '127.0.0.1', () => {
  process.send!({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send!((user + system) / 1000);
});
process.on('disconnect', () => process.exit());
