import { describe, expect, it } from 'vitest';
import { GraphRoot } from './graph-root.ts';

const root = new GraphRoot('https://Graph.example.com/');
const OURS = 'https://graph.example.com/v1.0/me/events/delta?$deltatoken=a%2Fb';

const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('an address at Graph', () => {
  it('is below the version’s root, whatever slashes end the origin', () => {
    expect(root.urlOf({ path: '/me/events' })).toBe('https://Graph.example.com/v1.0/me/events');
  });

  it('may be a link of Graph’s, which is left as it is, also where its host is spelt otherwise', () => {
    expect(root.urlOf({ path: OURS, isDelta: true })).toBe(OURS);
  });

  it.each([
    ['another host', 'https://graph.example.com.evil.example/v1.0/me'],
    ['another port', 'https://graph.example.com:8443/v1.0/me'],
    ['no encryption', 'http://graph.example.com/v1.0/me'],
    ['a user', 'https://me@graph.example.com/v1.0/me'],
    ['a password', 'https://:secret@graph.example.com/v1.0/me'],
    ['no host', 'me/events'],
    ['more than any server takes', `${OURS}${'x'.repeat(64 * 1024)}`],
  ])('is none with %s', (_what, path) => {
    expect(thrownBy(() => root.urlOf({ path }))).toMatchObject({ code: 'rejected' });
    expect(thrownBy(() => root.urlOf({ path, isDelta: true }))).toMatchObject({ code: 'cursor-expired' });
    expect(thrownBy(() => root.relativeUrl({ path, isDelta: true }))).toMatchObject({ code: 'cursor-expired' });
  });

  it('is told without what is in a link: it may hold a token', () => {
    const error = thrownBy(() => root.urlOf({ path: 'https://evil.example/v1.0/me?$deltatoken=secret' }));
    expect(String(error)).toContain('evil.example');
    expect(String(error)).not.toContain('secret');
  });
});

describe('an item of a batch', () => {
  it('is named below the version’s root', () => {
    expect(root.relativeUrl({ path: '/me/events?$top=1' })).toBe('/me/events?$top=1');
    expect(root.relativeUrl({ path: OURS })).toBe('/me/events/delta?$deltatoken=a%2Fb');
  });
});

describe('a link to another version of Graph', () => {
  it.each([
    'https://graph.example.com/beta/me',
    'https://graph.example.com/v1.0/../beta/me',
    'https://graph.example.com/v1.0/%2e%2e/beta/me',
    'https://graph.example.com/v1.0',
    'https://graph.example.com/v1.01/me',
  ])('is followed by no request, alone or in a batch: %s', (path) => {
    expect(thrownBy(() => root.urlOf({ path }))).toMatchObject({ code: 'rejected' });
    expect(thrownBy(() => root.urlOf({ path, isDelta: true }))).toMatchObject({ code: 'cursor-expired' });
    expect(thrownBy(() => root.relativeUrl({ path }))).toMatchObject({ code: 'rejected' });
  });

  it('is told from one of ours also where Graph stands below a path', () => {
    const below = new GraphRoot('https://proxy.example.com/graph');
    const ours = 'https://proxy.example.com/graph/v1.0/me?$top=1';
    expect(below.urlOf({ path: ours })).toBe(ours);
    expect(below.relativeUrl({ path: ours })).toBe('/me?$top=1');
    expect(thrownBy(() => below.urlOf({ path: 'https://proxy.example.com/v1.0/me' }))).toMatchObject({
      code: 'rejected',
    });
  });
});
