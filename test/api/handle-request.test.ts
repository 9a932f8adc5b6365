import { beforeEach, describe, expect, test, vi } from 'vitest';
import { operations } from '../../src/api/operations.ts';
import { advance } from '../../src/engine/advance.ts';
import { TerminalError, TransientError, UnreadableRecordError } from '../../src/ports/errors.ts';
import { aFile, anInstallation, type Installation, yaml } from './requests.ts';

let installation: Installation;
let send: Installation['send'];

beforeEach(() => {
  installation = anInstallation();
  send = installation.send;
});

const start = (body = aFile(), headers = {}) =>
  send({ method: 'POST', path: '/v1/migrations', headers: { ...yaml, ...headers }, body });
const post = (verb: string, body?: unknown, headers = {}) =>
  send({ method: 'POST', path: `/v1/migrations/shop-ingress/${verb}`, body, headers });

async function untilState(state: string): Promise<void> {
  const { world } = installation;
  for (let tick = 0; tick < 200; tick += 1) {
    if ((await world.ports.store.load('shop-ingress'))?.state === state) return;
    await world.count('source', 100, 0);
    await world.count('target', 100, 0);
    await advance(world.ports, 'shop-ingress', world.nowMs + 5000);
    world.nowMs += 1000;
  }
  throw new Error(`never came to ${state}`);
}

describe('starting', () => {
  test('makes the record, says where it is and asks for its first invocation', async () => {
    const answer = await start();
    expect(answer).toMatchObject({
      status: 201,
      headers: { location: '/v1/migrations/shop-ingress', 'cache-control': 'no-store' },
      json: { name: 'shop-ingress', run: 'id1', isFinal: false, steps: 2, spec: { tolerance: 2 } },
    });
    expect(installation.world.calls).toContain('invoker.invoke');
    expect((await send({ path: '/v1/migrations/shop-ingress' })).json.run).toBe('id1');
  });

  test('takes JSON as well', async () => {
    const body = { apiVersion: 'sluice/v1', kind: 'Migration', metadata: { name: 'from-json' }, spec: specAsJson };
    expect(await send({ method: 'POST', path: '/v1/migrations', body })).toMatchObject({ status: 201 });
  });

  test('does not fail with the invocation: the tick finds the work', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    installation.world.onCall = (call) => {
      if (call === 'invoker.invoke') throw new TransientError('the platform is busy');
    };
    expect(await start()).toMatchObject({ status: 201 });
    expect(log.mock.calls.join()).toContain('the tick will: the platform is busy');
    log.mockRestore();
  });

  test('answers 422 with every mistake, its path and its line, and writes nothing', async () => {
    const answer = await start(aFile('Shop').replace('share: 10,', 'share: 110,').replace('settle: 0s', 'setle: 0s'));
    expect(answer.status).toBe(422);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json).toMatchObject({ type: 'urn:sluice:problem:invalid-input', status: 422 });
    expect(answer.json.problems.map(({ path, line }: { path: string; line: number }) => `${line} ${path}`)).toEqual([
      '3 metadata.name',
      '10 spec.steps[0].share',
      '10 spec.steps[1].share',
      '11 spec.setle',
    ]);
    expect(installation.world.calls).toEqual([]);
    expect((await send({ path: '/v1/migrations' })).json.migrations).toEqual([]);
  });

  test('answers 422 where the installation does not know a name', async () => {
    const answer = await start(aFile().replace('cluster: ack', 'cluster: nowhere'));
    expect(answer).toMatchObject({ status: 422, json: { problems: [{ path: 'spec.routes[0].source.cluster' }] } });
  });

  test('answers 409 to a second migration on a group in use, with the name of the first', async () => {
    await start();
    const answer = await start(aFile('second'));
    expect(answer).toMatchObject({ status: 409, json: { type: 'urn:sluice:problem:conflict' } });
    expect(answer.json.detail).toContain('in use by migration shop-ingress');
  });

  test('answers 409 to a name that is under way', async () => {
    await start();
    expect(await start()).toMatchObject({ status: 409 });
  });
});

const specAsJson = {
  routes: [
    {
      loadBalancer: 'lb-public',
      source: { cluster: 'ack', service: 'istio-system/istio-ingressgateway' },
      target: { mesh: 'asm', gateway: 'istio-system/ingressgateway-asm' },
      ports: { 80: 'rsp-pub-80' },
    },
  ],
  steps: [100],
};

describe('bodies', () => {
  test.each([
    ['not JSON', { 'content-type': 'application/json' }, '{"a":', 400],
    ['not YAML', yaml, 'a: [', 400],
    ['not UTF-8', yaml, Buffer.from([0xff, 0xfe, 0x61]), 400],
    ['of no type', {}, 'a: 1', 415],
    ['of another type', { 'content-type': 'text/html' }, 'a: 1', 415],
    ['over 128 KB', yaml, `# ${'x'.repeat(131_072)}`, 413],
  ])('%s', async (_, headers, body, status) => {
    const answer = await send({ method: 'POST', path: '/v1/migrations', headers, body });
    expect(answer.status).toBe(status);
    expect(answer.json.status).toBe(status);
  });

  test('a type may carry its charset', async () => {
    expect((await start(aFile(), { 'content-type': 'Text/YAML; charset=utf-8' })).status).toBe(201);
  });

  test('a command without a body is a command with its defaults', async () => {
    await start();
    expect((await post('abort')).status).toBe(200);
  });

  test('a field that a command does not know is refused', async () => {
    await start();
    const answer = await post('abort', { forse: true });
    expect(answer.json.problems).toEqual([{ path: 'forse', message: 'is not a known field; did you mean force?' }]);
  });
});

describe('who may do what', () => {
  const asking = (token: string | null, request: Parameters<Installation['send']>[0]) =>
    send({ ...request, headers: { ...request.headers, authorization: token === null ? '' : `Bearer ${token}` } });
  const signal = { method: 'POST', path: '/v1/migrations/shop-ingress/signals', body: { samples: [aSample()] } };
  const abort = { method: 'POST', path: '/v1/migrations/shop-ingress/abort' };
  const look = { path: '/v1/migrations' };

  test.each([
    [null, look, 401],
    ['wrong', look, 401],
    ['x'.repeat(1000), look, 401],
    ['walls-token', look, 200],
    ['walls-token', signal, 403],
    ['walls-token', abort, 403],
    ['agents-token', look, 200],
    ['agents-token', signal, 202],
    ['agents-token', abort, 403],
    ['alices-token', signal, 202],
    ['alices-token', abort, 200],
  ])('%s gets %o: %i', async (token, request, status) => {
    await start();
    const answer = await asking(token, request);
    expect(answer.status).toBe(status);
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer realm="sluice"' : undefined);
  });

  test('a signed trigger occupies Authorization: the token may come in a header of its own', async () => {
    const headers = { authorization: 'ACS3-HMAC-SHA256 Credential=...', 'x-sluice-token': 'alices-token' };
    expect((await send({ path: '/v1/migrations', headers })).status).toBe(200);
  });

  test('an answer never shows a token', async () => {
    const answer = await asking('some-secret-token', look);
    expect(JSON.stringify(answer)).not.toContain('some-secret-token');
  });
});

describe('commands', () => {
  test('are allowed by state; 409 says in which', async () => {
    await start();
    const answer = await post('retry');
    expect(answer).toMatchObject({ status: 409, json: { state: 'preflighting.checking', allowedIn: ['stuck'] } });
  });

  test('are carried out and audited with who asked, and why', async () => {
    await start();
    await untilState('progressing.baking');
    expect((await post('pause')).json).toMatchObject({ state: 'paused', allowed: expect.arrayContaining(['resume']) });
    expect((await post('resume')).status).toBe(200);
    await untilState('progressing.baking');
    expect((await post('promote', { all: true })).status).toBe(200);
    expect((await post('abort', { reason: 'customers complain' })).json.reason).toContain('alice: customers complain');
    await untilState('rolledBack');
    const { json } = await send({ path: '/v1/migrations/shop-ingress/history' });
    const commands = json.history.filter(({ kind }: { kind: string }) => kind === 'command');
    expect(commands.map(({ text, actor }: { text: string; actor: string }) => `${text} by ${actor}`)).toEqual([
      'start shop-ingress by alice',
      'pause by alice',
      'resume by alice',
      'promote all steps by alice',
      'abort by alice: customers complain',
    ]);
  });

  test.each(['pause', 'resume', 'promote', 'approve', 'abort', 'rollback', 'retry'])(
    '%s of a name that nobody has is 404',
    async (verb) => {
      expect(await post(verb)).toMatchObject({ status: 404, json: { detail: 'there is no migration shop-ingress' } });
    },
  );
});

function aSample(sample = {}) {
  return { side: 'source', instance: 'gw-1', from: 1000, seconds: 5, requests: 10, errors: 1, ...sample };
}

describe('signals', () => {
  const signals = (...samples: readonly object[]) => post('signals', { samples });

  test('are kept, in seconds or as ISO time', async () => {
    await start();
    const answer = await signals(aSample(), aSample({ side: 'target', from: '1970-01-01T00:16:41Z', seconds: 2.5 }));
    expect(answer).toMatchObject({ status: 202, json: { accepted: 2, state: 'preflighting.checking' } });
    expect(await installation.world.ports.signals.read('shop-ingress', 0)).toEqual([
      { side: 'source', instance: 'gw-1', fromMs: 1_000_000, ms: 5000, requests: 10, errors: 1 },
      { side: 'target', instance: 'gw-1', fromMs: 1_001_000, ms: 2500, requests: 10, errors: 1 },
    ]);
  });

  test.each([
    [{ errors: 11 }, 'samples[0]', 'has more errors than requests'],
    [{ requests: -1 }, 'samples[0].requests', /whole number/],
    [{ requests: 1.5 }, 'samples[0].requests', /whole number/],
    [{ side: 'middle' }, 'samples[0].side', 'must be source or target'],
    [{ instance: 'two words' }, 'samples[0].instance', /without spaces/],
    [{ from: 1_000_000 }, 'samples[0].from', /ahead/],
    [{ from: Date.now() }, 'samples[0].from', /milliseconds/],
    [{ from: 'yesterday' }, 'samples[0].from', /ISO 8601/],
    [{ seconds: 0 }, 'samples[0].seconds', /above 0/],
    [{ extra: 1 }, 'samples[0].extra', /not a known field/],
    [{ loadBalancer: 'lb public' }, 'samples[0].loadBalancer', 'must be the id of a CLB'],
    [{ connections: 1.5 }, 'samples[0].connections', /whole number/],
    [{ connections: -1 }, 'samples[0].connections', /whole number/],
    [{ direct: '3' }, 'samples[0].direct', /whole number/],
    [{ direct: 11 }, 'samples[0]', 'has more direct requests than requests'],
    [{ direct: 1, loadBalancer: 'lb-public' }, 'samples[0]', /direct requests do not come through/],
  ])('%o is refused', async (sample, path, message) => {
    await start();
    const answer = await signals(aSample(sample));
    expect(answer.status).toBe(422);
    expect(answer.json.problems[0]).toEqual({
      path,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
    expect(await installation.world.ports.signals.read('shop-ingress', 0)).toEqual([]);
  });

  test('of more than a day ago are refused', async () => {
    installation.world.nowMs = 200_000_000;
    await start();
    expect((await signals(aSample())).json.problems[0].message).toBe('is more than a day ago');
  });

  test('may name the load balancer that the requests came through', async () => {
    await start();
    expect((await signals(aSample(), aSample({ loadBalancer: 'lb-public' }))).status).toBe(202);
    const kept = await installation.world.ports.signals.read('shop-ingress', 0);
    expect(kept.map(({ loadBalancer }) => loadBalancer)).toEqual([undefined, 'lb-public']);
  });

  test('may say how many connections are open and how many requests came past the load balancer', async () => {
    await start();
    expect((await signals(aSample({ connections: 7, direct: 10 }))).status).toBe(202);
    expect(await installation.world.ports.signals.read('shop-ingress', 0)).toMatchObject([
      { connections: 7, direct: 10 },
    ]);
  });

  test('are kept for a name before its start, and the answer says that nobody has it yet', async () => {
    const answer = await signals(aSample());
    expect(answer).toMatchObject({ status: 202, json: { accepted: 1, state: null } });
    expect(await installation.world.ports.signals.read('shop-ingress', 0)).toHaveLength(1);
  });

  test('come at most 2,000 at a time', async () => {
    await start();
    const many = (count: number) =>
      signals(
        ...Array.from({ length: count }, () => ({
          side: 'source',
          instance: 'a',
          from: 1000,
          seconds: 1,
          requests: 1,
          errors: 0,
        })),
      );
    expect((await many(2001)).status).not.toBe(202);
    expect((await signals()).status).toBe(422);
  });
});

describe('looking', () => {
  test('a list tells of every migration, without its spec, and of records that cannot be read', async () => {
    await start();
    const { store } = installation.world.ports;
    const load = store.load.bind(store);
    vi.spyOn(store, 'names').mockResolvedValue(['broken', 'shop-ingress']);
    vi.spyOn(store, 'load').mockImplementation(async (name) => {
      if (name === 'broken') throw new UnreadableRecordError('record of migration "broken" cannot be read');
      return load(name);
    });
    const { json } = await send({ path: '/v1/migrations' });
    expect(json.migrations).toEqual([expect.objectContaining({ name: 'shop-ingress' })]);
    expect(json.migrations[0]).not.toHaveProperty('spec');
    expect(json.unreadable).toEqual([{ name: 'broken', message: expect.stringContaining('cannot be read') }]);
    expect(await send({ path: '/v1/migrations/broken' })).toMatchObject({
      status: 500,
      json: { type: 'urn:sluice:problem:unreadable-record' },
    });
  });

  test('HEAD is GET without the body', async () => {
    await start();
    const path = '/v1/migrations/shop-ingress';
    const [head, get] = [await send({ method: 'HEAD', path }), await send({ path })];
    expect(head).toMatchObject({ status: 200, headers: get.headers, body: '' });
    expect((await send({ method: 'HEAD', path: '/v1/migrations/nobody' })).body).toBe('');
  });

  test('history is limited on demand', async () => {
    await start();
    await untilState('completed');
    const { json } = await send({ path: '/v1/migrations/shop-ingress/history', query: { limit: '1' } });
    expect(json.history).toHaveLength(1);
    expect((await send({ path: '/v1/migrations/shop-ingress/history', query: { limit: '501' } })).status).toBe(422);
  });
});

describe('paths', () => {
  test.each([
    ['GET', '/metrics', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/migrations/', 404],
    ['GET', '/v1/migrations/nobody', 404],
    ['GET', '/v1/migrations/nobody/history', 404],
    ['GET', '/v1/migrations/..%2f..%2fetc', 404],
    ['POST', '/v1/migrations/shop-ingress/explode', 404],
    ['DELETE', '/v1/migrations/shop-ingress', 405],
    ['OPTIONS', '/v1/migrations', 405],
    ['GET', '/v1/migrations/shop-ingress/abort', 405],
    ['GET', '/healthz', 200],
    ['GET', '/', 200],
  ])('%s %s: %i', async (method, path, status) => {
    expect((await send({ method, path })).status).toBe(status);
  });

  test('405 names the methods', async () => {
    expect((await send({ method: 'PUT', path: '/v1/migrations' })).headers['allow']).toBe('POST, GET, HEAD');
  });

  test('a parameter that is not known is refused by name', async () => {
    const answer = await send({
      method: 'POST',
      path: '/v1/migrations',
      query: { dryrun: 'true' },
      headers: yaml,
      body: aFile(),
    });
    expect(answer).toMatchObject({ status: 400, json: { problems: [{ path: '?dryrun' }] } });
  });

  test.each(['/', '/healthz', '/openapi.json'])('%s needs no token and tells nothing', async (path) => {
    await start();
    const answer = await send({ path, headers: { authorization: '' } });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toMatch(/shop-ingress|alice|cn-hangzhou/);
  });

  test('the page loads nothing and may not be framed', async () => {
    const { headers } = await send({ path: '/' });
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'unsafe-inline'/);
    expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
  });
});

describe('trouble', () => {
  test('a store that does not answer is 503, and says when to ask again', async () => {
    const { store } = installation.world.ports;
    vi.spyOn(store, 'load').mockRejectedValue(new TransientError('redis: no answer', { retryAfterMs: 1500 }));
    const answer = await send({ path: '/v1/migrations/shop-ingress' });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  });

  test('a refusal of the cluster is 502', async () => {
    installation.world.onCall = () => {
      throw new TerminalError('ack: may not get services');
    };
    expect(await start()).toMatchObject({ status: 502, json: { detail: 'ack: may not get services' } });
  });

  test('a defect is 500 without details, which the log has under the id', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    vi.spyOn(installation.world.ports.store, 'load').mockRejectedValue(new RangeError('index 7 of the inner thing'));
    const answer = await send({ path: '/v1/migrations/shop-ingress' });
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('inner thing');
    expect(answer.json.detail).toContain('id1');
    expect(log.mock.calls.join()).toMatch(/"id":"id1".*inner thing/);
    log.mockRestore();
  });
});

describe('the OpenAPI document', () => {
  test('has every operation, and nothing else', async () => {
    const { json } = await send({ path: '/openapi.json' });
    expect(json.openapi).toBe('3.1.0');
    const described = Object.entries(json.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(operations.map(({ method, path }) => `${method} ${path}`).sort());
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
  });

  test('has every path of the design', () => {
    const verbs = ['pause', 'resume', 'promote', 'approve', 'abort', 'rollback', 'retry'];
    expect(operations.map(({ method, path }) => `${method} ${path}`)).toEqual(
      expect.arrayContaining([
        'POST /v1/migrations',
        'GET /v1/migrations',
        'GET /v1/migrations/{name}',
        'GET /v1/migrations/{name}/history',
        'GET /v1/migrations/{name}/trace',
        ...verbs.map((verb) => `POST /v1/migrations/{name}/${verb}`),
        'POST /v1/migrations/{name}/signals',
        'GET /healthz',
        'GET /openapi.json',
        'GET /',
      ]),
    );
  });

  test('lists the statuses that the tests above saw', async () => {
    const { json } = await send({ path: '/openapi.json' });
    const statuses = (path: string, method: string) => Object.keys(json.paths[path][method].responses);
    expect(statuses('/v1/migrations', 'post')).toEqual(
      expect.arrayContaining(['201', '400', '401', '403', '409', '413', '415', '422', '500', '502', '503']),
    );
    expect(statuses('/v1/migrations/{name}/abort', 'post')).toEqual(
      expect.arrayContaining(['200', '404', '409', '422']),
    );
  });
});
