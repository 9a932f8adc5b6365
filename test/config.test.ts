import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configVariables, loadConfig, readSecret } from '../src/config.ts';
import { InvalidInputError } from '../src/ports/errors.ts';

const digest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const environment = {
  SLUICE_CLUSTERS: '{"ack":{"id":"c8a4b2","kubeconfig":"file:/run/ack.yaml"}}',
  SLUICE_MESHES: '{"asm":{"kubeconfig":"asm:m1"}}',
  SLUICE_CLB: '{"region":"cn-hangzhou","endpoint":"127.0.0.1:8080","protocol":"http"}',
  SLUICE_INVOKER: '{"endpoint":"http://127.0.0.1:9000","accountId":"123","function":"step"}',
  SLUICE_TOKENS: `{"alice":{"role":"operator","sha256":"${digest.toUpperCase()}"}}`,
  SLUICE_CHANNELS: '{"ops":{"kind":"dingtalk","url":"env:OPS_URL","secret":"env:OPS_SECRET"}}',
  SLUICE_SIGNALS: '{"main":{"kind":"prometheus","url":"env:PROMETHEUS_URL","window":"30s"}}',
  SLUICE_CLOCK: '20@1767225600000',
  SLUICE_CLB_ENTRIES: '{"lb-public":{"80":"http://127.0.0.1:8081"}}',
  SLUICE_PROBE_NETWORKS: '10.0.0.0/8, fd12::/32',
  SLUICE_PROBE_CERTIFICATES: 'file:/run/ca.pem',
  SLUICE_CHANNEL_HOSTS: 'oapi.dingtalk.com, *.example.com',
  SLUICE_NAMESPACES: 'istio-system, gateways',
  SLUICE_PUBLIC_URL: 'https://sluice.example.com/',
  REDIS_URL: 'rediss://:verysecret@r-1.example.com:6379/0',
  SLUICE_REDIS_SHARDS: '4',
  SLUICE_PROBE_LOOPBACK: 'allow',
  SLUICE_WATCH_EVERY: '10s',
};

function problemsOf(change: Readonly<Record<string, string | undefined>>): readonly string[] {
  try {
    loadConfig({ ...environment, ...change });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

describe('the environment', () => {
  test('is read once, into plain data', () => {
    expect(loadConfig(environment)).toEqual({
      clusters: { ack: { id: 'c8a4b2', kubeconfig: 'file:/run/ack.yaml', defaultBackendType: 'eni' } },
      meshes: { asm: { kubeconfig: 'asm:m1' } },
      clb: { region: 'cn-hangzhou', endpoint: '127.0.0.1:8080', protocol: 'http' },
      invoker: { endpoint: 'http://127.0.0.1:9000', accountId: '123', region: null, function: 'step', qualifier: null },
      tokens: { alice: { role: 'operator', sha256: digest } },
      channels: { ops: { kind: 'dingtalk', url: 'env:OPS_URL', secret: 'env:OPS_SECRET' } },
      signals: {
        main: {
          ...{ kind: 'prometheus', url: 'env:PROMETHEUS_URL', token: null, queries: null },
          ...{ windowMs: 30_000, delayMs: 5_000, patienceMs: 60_000, timeoutMs: 5_000 },
        },
      },
      clock: { speed: 20, anchorMs: 1_767_225_600_000 },
      publicUrl: 'https://sluice.example.com',
      store: { kind: 'redis', url: 'env:REDIS_URL', shards: 4 },
      watchEveryMs: 10_000,
      isLoopbackProbeAllowed: true,
      clbEntries: { 'lb-public': { 80: 'http://127.0.0.1:8081' } },
      probeNetworks: ['10.0.0.0/8', 'fd12::/32'],
      probeCertificates: 'file:/run/ca.pem',
      channelHosts: ['oapi.dingtalk.com', '*.example.com'],
      namespaces: ['istio-system', 'gateways'],
    });
  });

  test('needs little: clusters, the CLB, tokens and a store', () => {
    const { SLUICE_CLUSTERS, SLUICE_CLB, SLUICE_TOKENS } = environment;
    const config = loadConfig({ SLUICE_CLUSTERS, SLUICE_CLB, SLUICE_TOKENS, SLUICE_DATA: '/var/lib/sluice' });
    expect(config).toMatchObject({
      meshes: {},
      channels: {},
      invoker: null,
      clock: null,
      publicUrl: null,
      store: { kind: 'lmdb', folder: '/var/lib/sluice' },
      watchEveryMs: 5000,
      isLoopbackProbeAllowed: false,
    });
  });

  test('does not repeat a secret that was put where an object belongs', () => {
    for (const secret of ['s3cret-token', `long-${'s3cret'.repeat(80)}`, 'two\nlines "s3cret" of it']) {
      for (const name of ['SLUICE_TOKENS', 'SLUICE_CHANNELS', 'SLUICE_CLUSTERS', 'SLUICE_WATCH_EVERY']) {
        expect(problemsOf({ [name]: secret }).join(), name).not.toContain('s3cret');
      }
    }
  });

  test('lists all its mistakes together', () => {
    expect(
      problemsOf({
        SLUICE_CLUSTERS: '{"ack":{"id":"c1","kubeconfig":"apiVersion: v1"}}',
        SLUICE_CLB: undefined,
        SLUICE_TOKENS: '{"alice":{"role":"king","sha256":"abc","since":1}}',
        SLUICE_CHANNELS: '{oops',
        SLUICE_CLOCK: 'fast',
        REDIS_URL: '',
        SLUICE_WATCH_EVERY: '1h',
      }),
    ).toEqual([
      'SLUICE_CLUSTERS.ack.kubeconfig: must be a reference: file:... or env:... or ack:...',
      'SLUICE_CLB: is missing',
      expect.stringMatching(/^SLUICE_TOKENS\.alice\.since: is not a known field/),
      'SLUICE_TOKENS.alice.role: must be viewer, reporter or operator',
      'SLUICE_TOKENS.alice.sha256: must be the SHA-256 of the token, 64 hexadecimal digits',
      'SLUICE_CHANNELS: is not valid JSON',
      'SLUICE_CLOCK: must be <speed>@<anchor in ms>, such as 20@1767225600000',
      'REDIS_URL: is missing (or SLUICE_DATA, the folder of the embedded store)',
      'SLUICE_WATCH_EVERY: 1h is out of range: 1s to 1m',
    ]);
  });

  test.each([
    ['SLUICE_CLUSTERS', '{}', 'SLUICE_CLUSTERS: needs at least one cluster'],
    ['SLUICE_TOKENS', '{}', 'SLUICE_TOKENS: needs at least one token'],
    [
      'SLUICE_CLB',
      '{"region":"cn-hangzhou","endpoint":"https://slb.aliyuncs.com/"}',
      'SLUICE_CLB.endpoint: must be host or host:port, without a scheme',
    ],
    ['SLUICE_INVOKER', '{"accountId":"1","function":"step"}', 'SLUICE_INVOKER: needs an endpoint or a region'],
    [
      'SLUICE_PUBLIC_URL',
      'https://user:pass@x.example.com',
      'SLUICE_PUBLIC_URL: must be an http or https URL without a password, query or fragment',
    ],
    [
      'SLUICE_NAMESPACES',
      'istio-system,Not_One',
      'SLUICE_NAMESPACES: must be 1 to 50 names of namespaces with commas between them',
    ],
    [
      'SLUICE_PROBE_NETWORKS',
      '10.0.0.0/33',
      'SLUICE_PROBE_NETWORKS: must be 1 to 50 networks such as 10.0.0.0/8 with commas between them',
    ],
    [
      'SLUICE_CHANNEL_HOSTS',
      'https://hooks.example.com/x',
      'SLUICE_CHANNEL_HOSTS: must be 1 to 50 hosts such as oapi.dingtalk.com or *.example.com with commas between them',
    ],
    [
      'SLUICE_CLB',
      '{"region":"cn-hangzhou","endpoint":"slb.aliyuncs.com","protocol":"http"}',
      'SLUICE_CLB: may be without TLS (http) on loopback only',
    ],
    [
      'SLUICE_INVOKER',
      '{"endpoint":"http://1.cn-hangzhou.fc.aliyuncs.com","accountId":"1","function":"step"}',
      'SLUICE_INVOKER: may be without TLS (http) on loopback only',
    ],
    [
      'NODE_TLS_REJECT_UNAUTHORIZED',
      '0',
      'NODE_TLS_REJECT_UNAUTHORIZED: must not be 0: certificates are always checked',
    ],
    [
      'SLUICE_SIGNALS',
      '{"main":{"kind":"prometheus","url":"http://prometheus:9090"}}',
      'SLUICE_SIGNALS.main.url: must be a reference: env:... or file:...',
    ],
    [
      'SLUICE_SIGNALS',
      '{"push":{"kind":"prometheus","url":"env:A"}}',
      'SLUICE_SIGNALS: must not name a source "push": that is what programs send',
    ],
    [
      'SLUICE_SIGNALS',
      '{"main":{"kind":"prometheus","url":"env:A","queries":{"requests":"up","errors":"up{a=\\"$workload\\"}"}}}',
      'SLUICE_SIGNALS.main.queries.requests: must say $workload, which stands for the gateways of the side it is asked about',
    ],
    [
      'SLUICE_SIGNALS',
      '{"main":{"kind":"prometheus","url":"env:A","queries":{"requests":"r{a=\\"$workload\\"}","errors":"e{a=\\"$workload\\"}","latency":"b{a=\\"$workload\\"}"}}}',
      'SLUICE_SIGNALS.main.queries.latency: must say $le (milliseconds) or $leSeconds, which stand for the bound of a bucket: le=~"$le"',
    ],
    [
      'SLUICE_SIGNALS',
      '{"probes":{"kind":"prometheus","url":"env:A"}}',
      'SLUICE_SIGNALS: must not name a source "probes": those are what Sluice asks itself',
    ],
    [
      'SLUICE_PROBE_CERTIFICATES',
      'none',
      'SLUICE_PROBE_CERTIFICATES: must be any, or a reference: file:... or env:...',
    ],
    ['SLUICE_REDIS_SHARDS', '0', 'SLUICE_REDIS_SHARDS: must be a whole number from 1 to 1024'],
    [
      'SLUICE_CLB_ENTRIES',
      '{"lb-public":{"80":"http://shop.example.com"}}',
      'SLUICE_CLB_ENTRIES.lb-public["80"]: must be a URL on loopback: for the sandbox',
    ],
    ['SLUICE_PROBE_LOOPBACK', 'yes', 'SLUICE_PROBE_LOOPBACK: must be allow, or absent'],
    ['REDIS_URL', 'http://x', 'REDIS_URL: must begin with redis:// or rediss://, or be a reference'],
  ])('%s=%s is refused', (name, value, expected) => {
    expect(problemsOf({ [name]: value })).toEqual([expected]);
  });

  test('never shows a secret, not even one in the wrong place', () => {
    const secret = 'verysecretvalue';
    const channels = `{"ops":{"kind":"dingtalk","url":"https://x/?access_token=${secret}","secret":"${secret}"}}`;
    const problems = problemsOf({
      SLUICE_CHANNELS: channels,
      REDIS_URL: secret,
      SLUICE_TOKENS: `{"a":{"role":"viewer","sha256":"${secret}"}}`,
    });
    expect(problems).toHaveLength(4);
    expect(problems.join()).not.toContain(secret);
    expect(JSON.stringify(loadConfig(environment))).not.toContain('verysecret');
  });

  test('every documented variable is read, and its example is valid', () => {
    const examples = Object.fromEntries(configVariables.map(({ name, example }) => [name, example]));
    expect(loadConfig(examples).clusters).toHaveProperty('ack');
    for (const { name, isRequired } of configVariables.filter((one) => one.isRequired)) {
      expect(problemsOf({ [name]: undefined }), `${name} ${isRequired}`).toEqual([`${name}: is missing`]);
    }
    expect(new Set(configVariables.map(({ name }) => name))).toEqual(
      new Set([...Object.keys(environment), 'SLUICE_DATA']),
    );
  });
});

describe('a reference to a secret', () => {
  test('is followed into the environment or a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-secret-'));
    try {
      writeFileSync(join(folder, 'token'), 's3cret\n');
      expect(readSecret(`file:${folder}/token`, {})).toBe('s3cret');
      expect(readSecret('env:OPS', { OPS: 'https://x' })).toBe('https://x');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('that leads nowhere is named', () => {
    expect(() => readSecret('env:OPS', {})).toThrow('nothing is found behind env:OPS');
    expect(() => readSecret('file:/nowhere/at/all', {})).toThrow('cannot read file:/nowhere/at/all: ENOENT');
    expect(() => readSecret('plainsecret', {})).toThrow(/^(?!.*plainsecret).*not a reference/);
  });
});
