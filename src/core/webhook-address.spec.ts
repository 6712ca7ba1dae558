import { describe, expect, it } from 'vitest';
import { isHostOrNetwork, WebhookAddresses } from './webhook-address.ts';

const production = new WebhookAddresses({ allowsLoopback: false, allowed: [] });
const development = new WebhookAddresses({ allowsLoopback: true, allowed: [] });

describe('the address of a webhook', () => {
  it.each([
    ['https://app.example.com', 'https://app.example.com/'],
    ['HTTPS://App.Example.COM/Hooks?Key=1#part', 'https://app.example.com/Hooks?Key=1'],
    ['https://app.example.com.:8443/hooks', 'https://app.example.com:8443/hooks'],
    ['https://bücher.example/hooks', 'https://xn--bcher-kva.example/hooks'],
    ['https://93.184.216.34/', 'https://93.184.216.34/'],
    ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
  ])('%s is good, in one spelling', (text, url) => {
    expect(production.check(text)).toMatchObject({ kind: 'good', url });
  });

  it.each([
    ...['http://app.example.com/', 'ftp://app.example.com/', 'file:///etc/passwd', 'javascript:alert(1)', '/hooks', ''],
    ...['https://', 'https://ada:secret@app.example.com/', 'https://secret@app.example.com/', 'https://.example.com/'],
    ...['https://app.example.com:22/', 'https://app.example.com:25/', 'https://app.example.com:6667/'],
    ...['https://app.example.com:0/', `https://app.example.com/${'a'.repeat(2048)}`],
  ])('%s is none that anything is sent to', (text) => {
    expect(production.check(text)).toMatchObject({ kind: 'refused' });
    expect(development.check(text)).toMatchObject({ kind: 'refused' });
  });

  it.each([
    // this machine, in every spelling a URL parser reads
    ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '127.0.0.1.', '１２７.０.０.１'],
    ...['127.255.255.254', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[0:0:0:0:0:0:0:1]'],
    ...['localhost', 'localhost.', 'LOCALHOST', 'app.localhost', 'ⓛocalhost', '0.0.0.0', '0', '[::]'],
    // private networks, carriers’, link-local and the clouds’ metadata
    ...['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '100.127.255.255'],
    ...['169.254.169.254', '0xa9fea9fe', '2852039166', '[::ffff:169.254.169.254]', '[fe80::1]', '[fd00:ec2::254]'],
    ...['[fc00::1]', '[fec0::1]', '168.63.129.16', '100.100.100.200'],
    // translations and tunnels into them
    ...['[64:ff9b::7f00:1]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::1]', '[2002:7f00:1::]', '[2001:0:4136:e378::1]'],
    // multicast, broadcast, documentation, benchmarks, what is not given out
    ...['224.0.0.1', '239.255.255.255', '255.255.255.255', '240.0.0.1', '192.0.2.1', '198.51.100.1', '203.0.113.1'],
    ...['198.18.0.1', '192.0.0.8', '192.88.99.1', '[ff02::1]', '[2001:db8::1]', '[3fff::1]', '[5f00::1]', '[100::1]'],
    // names that only this network knows
    ...['intranet', 'db', 'db.local', 'db.internal', 'metadata.google.internal', 'db.lan', 'db.corp', 'db.home.arpa'],
  ])('https://%s/ is refused in production', (host) => {
    expect(production.check(`https://${host}/`)).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('private'),
    });
  });

  it.each(['localhost', 'app.localhost', '127.0.0.1', '2130706433', '[::1]'])(
    'http://%s:4000/ is a way to try things out, in development alone',
    (host) => {
      expect(development.check(`http://${host}:4000/`)).toMatchObject({ kind: 'good' });
      expect(production.check(`http://${host}:4000/`)).toMatchObject({ kind: 'refused' });
    },
  );

  it.each(['10.0.0.1', '169.254.169.254', '[fd00::1]', 'db.internal', '0.0.0.0'])(
    'https://%s/ is refused in development too',
    (host) => {
      expect(development.check(`https://${host}/`)).toMatchObject({ kind: 'refused' });
    },
  );
});

describe('what a name leads to', () => {
  it('is judged address by address', () => {
    expect(production.mayCall('app.example.com', '93.184.216.34')).toBe(true);
    expect(production.mayCall('app.example.com', '2606:4700:4700::1111')).toBe(true);
    for (const address of ['127.0.0.1', '10.1.2.3', '::1', '::ffff:10.1.2.3', '::ffff:93.184.216.34', 'fe80::1']) {
      expect(production.mayCall('app.example.com', address), address).toBe(false);
    }
    expect(production.mayCall('app.example.com', 'not an address')).toBe(false);
  });

  it('is this machine only in development', () => {
    expect(development.mayCall('app.localhost', '127.0.0.1')).toBe(true);
    expect(development.mayCall('app.localhost', '10.0.0.1')).toBe(false);
  });
});

describe('WEBHOOK_ALLOWED_HOSTS', () => {
  const allowed = ['Hooks.Intranet', '10.20.0.0/16', '192.168.7.9', 'fd12:3456::/32', '64:ff9b::/96'];
  const addresses = new WebhookAddresses({ allowsLoopback: false, allowed });

  it('lets webhooks into a named host, whatever its address', () => {
    expect(addresses.check('https://hooks.intranet/x')).toMatchObject({ kind: 'good' });
    expect(addresses.mayCall('hooks.intranet', '10.1.1.1')).toBe(true);
    expect(addresses.mayCall('hooks.intranet.', '127.0.0.1')).toBe(true);
  });

  it('lets them into a network, by its addresses and by names that lead there', () => {
    for (const host of ['10.20.3.4', '192.168.7.9', '[fd12:3456::1]', '[64:ff9b::808:808]']) {
      expect(addresses.check(`https://${host}/`), host).toMatchObject({ kind: 'good' });
    }
    expect(addresses.check('https://db.internal/')).toMatchObject({ kind: 'good' });
    expect(addresses.mayCall('db.internal', '10.20.3.4')).toBe(true);
    expect(addresses.mayCall('db.internal', '10.21.3.4')).toBe(false);
  });

  it('lets them nowhere else, and allows no plain http', () => {
    for (const host of ['10.21.0.1', '192.168.7.8', '[fd13::1]', 'localhost']) {
      expect(addresses.check(`https://${host}/`), host).toMatchObject({ kind: 'refused' });
    }
    expect(addresses.mayCall('other.example.com', '10.1.1.1')).toBe(false);
    const named = new WebhookAddresses({ allowsLoopback: false, allowed: ['hooks.intranet'] });
    for (const host of ['other.intranet', 'hooks.intranet.internal']) {
      expect(named.check(`https://${host}/`), host).toMatchObject({ kind: 'refused' });
    }
    expect(addresses.check('http://hooks.intranet/')).toMatchObject({ kind: 'refused' });
  });

  it.each(['hooks.intranet', 'db', '10.0.0.0/8', '::1', 'fd00::/8', 'a-b.example.com', '127.0.0.1'])(
    '%s can stand there',
    (text) => {
      expect(isHostOrNetwork(text)).toBe(true);
    },
  );

  it.each([
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0',
    '10.0.0.256',
    'https://x',
    'x/8',
    '-x',
    '*.example.com',
    'a b',
    '::1/',
  ])('%s cannot', (text) => {
    expect(isHostOrNetwork(text)).toBe(false);
  });
});
