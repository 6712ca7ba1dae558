import { describe, expect, it } from 'vitest';
import { graphResource } from './clouds.ts';

describe('what tokens are for', () => {
  it.each([
    ['https://graph.microsoft.com', 'https://login.microsoftonline.com', 'https://graph.microsoft.com'],
    ['https://graph.microsoft.us', 'https://login.microsoftonline.us', 'https://graph.microsoft.us'],
    ['https://dod-graph.microsoft.us', 'https://login.microsoftonline.us', 'https://dod-graph.microsoft.us'],
    [
      'https://microsoftgraph.chinacloudapi.cn',
      'https://login.chinacloudapi.cn',
      'https://microsoftgraph.chinacloudapi.cn',
    ],
    // A proxy or a simulator stands before Graph.
    ['https://graph.proxy.example', 'https://login.microsoftonline.us', 'https://graph.microsoft.us'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000', 'https://graph.microsoft.com'],
  ])('%s with %s: %s', (graphOrigin, authorityHost, resource) => {
    expect(graphResource({ graphOrigin, authorityHost })).toBe(resource);
  });
});
