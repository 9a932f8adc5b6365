import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aFile, anInstallation, type Installation, yaml } from '../api/requests.ts';
import { changed, changes, edited, edits, holds, oddText, oddValue } from './property.ts';

const verbs = ['pause', 'resume', 'promote', 'approve', 'abort', 'rollback', 'retry', 'signals'] as const;
const paths = fc.oneof(
  fc.constantFrom('/', '/healthz', '/metrics', '/openapi.json', '/v1/migrations', '/v1/hooks/alertmanager'),
  fc
    .constantFrom('', '/history', ...verbs.map((verb) => `/${verb}`))
    .map((rest) => `/v1/migrations/shop-ingress${rest}`),
  oddText.map((name) => `/v1/migrations/${name}`),
  oddText.map((path) => `/${path}`),
  oddText,
);
const headers = fc.dictionary(
  fc.oneof(
    fc.constantFrom('authorization', 'x-sluice-token', 'content-type', 'idempotency-key', 'content-length', 'accept'),
    fc.stringMatching(/^[a-z-]{1,20}$/),
  ),
  fc.oneof(
    oddText,
    fc.constantFrom('Bearer alices-token', 'Bearer walls-token', 'application/json', 'application/yaml', 'text/html'),
  ),
  { maxKeys: 4 },
);
const request = fc.record({
  method: fc.oneof(fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'), oddText),
  path: paths,
  query: fc.dictionary(fc.oneof(fc.constantFrom('dryRun', 'limit'), oddText), oddText, { maxKeys: 2 }),
  headers,
  body: fc.oneof(
    fc.constant(undefined),
    oddValue,
    oddText,
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    edits.map((all) => edited(aFile(), all)),
  ),
});

async function running(): Promise<Installation> {
  const installation = anInstallation();
  const { status } = await installation.send({ method: 'POST', path: '/v1/migrations', headers: yaml, body: aFile() });
  if (status !== 201 && status !== 202) throw new Error(`the migration did not start: ${status}`);
  return installation;
}

async function expectAnswer(installation: Installation, sent: Parameters<Installation['send']>[0]): Promise<number> {
  const { status, headers: answered, body, json } = await installation.send(sent);
  expect(status, body).toBeLessThan(500);
  expect(status).toBeGreaterThanOrEqual(200);
  expect(body.length).toBeLessThan(2_000_000);
  if (status < 400) return status;
  expect(answered['content-type']).toMatch(/^application\/problem\+json/);
  if (sent.method !== 'HEAD')
    expect(json).toMatchObject({ status, title: expect.any(String), type: expect.any(String) });
  return status;
}

describe('a request', () => {
  it('of any kind is answered: never with 500, and a refusal is problem+json', async () => {
    const installation = await running();
    await holds(500, request, async (sent) => {
      await expectAnswer(installation, sent);
    });
  });

  it('of a person with any body changes nothing, or is a command that the schema takes', async () => {
    const installation = await running();
    const bodies: Readonly<Record<string, unknown>> = {
      ...{ promote: { all: true }, approve: { gate: 'run-1-1' }, abort: { force: false, reason: 'x' } },
      signals: { samples: [{ side: 'source', instance: 'a', from: 1_000, seconds: 5, requests: 10, errors: 1 }] },
    };
    await holds(400, fc.tuple(fc.constantFrom(...verbs), changes, fc.boolean(), oddValue), async (one) => {
      const [verb, all, isAny, any] = one;
      const body = isAny ? any : changed(bodies[verb] ?? {}, all);
      const before = await installation.world.ports.store.load('shop-ingress');
      const path = `/v1/migrations/shop-ingress/${verb}`;
      const headers = { 'content-type': 'application/json' };
      const status = await expectAnswer(installation, { method: 'POST', path, headers, body: JSON.stringify(body) });
      const after = await installation.world.ports.store.load('shop-ingress');
      if (status >= 400) expect(after).toEqual(before);
      const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
      if (!isObject) expect(status).toBeGreaterThanOrEqual(400);
    });
  });

  it('with a field that nobody knows is refused, and nothing is done', async () => {
    const installation = await running();
    const name = fc.stringMatching(/^zz[a-z]{1,8}$/);
    await holds(60, fc.tuple(fc.constantFrom(...verbs), name, oddValue), async ([verb, field, value]) => {
      const path = `/v1/migrations/shop-ingress/${verb}`;
      const answer = await installation.send({ method: 'POST', path, body: { [field]: value } });
      expect(answer.status).toBe(422);
      expect(answer.body).toContain(field);
    });
  });
});
