import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { migrationJsonSchema, parseMigration } from '../src/api/migration-file.ts';
import { annotationKey } from '../src/domain/annotations.ts';
import { isReachable } from '../src/domain/plan.ts';
import type { Route } from '../src/domain/spec.ts';
import { dryRun } from '../src/engine/plan.ts';
import { resolveDraft } from '../src/engine/start.ts';
import type { Ports } from '../src/ports/ports.ts';
import { anObservation, aRoute } from './fixtures/builders.ts';
import { aWorld } from './fixtures/world.ts';

const folder = new URL('../examples/', import.meta.url);
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.yaml') ? [file.replace('.yaml', '')] : []));
const read = (name: string) => readFileSync(new URL(`${name}.yaml`, folder), 'utf8');

/** An installation with the load balancers of the example, whose gateways can be discovered by their annotations. */
function installationOf(routes: readonly Route[]): Ports {
  const [first = aRoute(), ...others] = routes;
  const { ports } = aWorld([first, ...others]);
  const annotations = {
    [annotationKey('id')]: first.loadBalancer,
    [annotationKey('vgroup-port')]: first.ports.map(({ port, group }) => `${group}:${port}`).join(','),
  };
  const discovered = anObservation({ weight: '100' }, { weight: '0' }, first);
  return {
    ...ports,
    installation: { ...ports.installation, channels: ['ops', 'audit'] },
    router: {
      ...ports.router,
      discover: async ({ kind }) =>
        discovered[kind === 'service' ? 'source' : 'target'].services.map((service) => ({ ...service, annotations })),
    },
  };
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly additionalProperties?: unknown;
}

/** Fields of a file that the JSON Schema does not know, by their paths. */
function unknownTo(schema: SchemaNode, value: unknown, path = ''): readonly string[] {
  if (schema.anyOf !== undefined) {
    const found = schema.anyOf.map((one) => unknownTo(one, value, path));
    return found.find((paths) => paths.length === 0) ?? found[0] ?? [];
  }
  if (Array.isArray(value)) return value.flatMap((one) => unknownTo(schema.items ?? {}, one, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = schema.properties?.[key];
    if (known !== undefined) return unknownTo(known, inner, `${path}.${key}`);
    return schema.additionalProperties === false || schema.properties !== undefined ? [`${path}.${key}`] : [];
  });
}

describe('the examples', () => {
  test('are there', () => {
    expect(names.sort()).toEqual(['gated', 'reviews', 'scheduled-canary', 'shop-ingress']);
  });

  test.each(names)('%s.yaml is valid, and each of its steps can be reached', async (name) => {
    const draft = parseMigration(read(name));
    expect(draft.name).toBe(name);
    const ports = installationOf('source' in draft.routes ? [aRoute()] : draft.routes);
    const { plan } = await dryRun(ports, await resolveDraft(ports, draft));
    const planned = [...plan.routes.flatMap((route) => route.ports), ...plan.subsets];
    expect(planned.map(({ steps }) => steps.map(({ asked }) => asked))).toEqual(
      planned.map(() => draft.steps.map(({ share }) => share)),
    );
    expect(planned.length).toBeGreaterThan(0);
    expect(isReachable(plan)).toBe(true);
  });

  test.each([
    ['bookinfo/migration', 'bookinfo', 3],
    ['bookinfo/reviews', 'bookinfo-reviews', 0],
  ])('%s.yaml is valid, and has no field that nobody knows', (name, called, paths) => {
    const draft = parseMigration(read(name));
    expect([draft.name, draft.paths.length]).toEqual([called, paths]);
    expect(unknownTo(migrationJsonSchema() as SchemaNode, parse(read(name)))).toEqual([]);
  });

  test.each(names)('%s.yaml has no field that `sluice schema` does not describe', (name) => {
    expect(unknownTo(migrationJsonSchema() as SchemaNode, parse(read(name)))).toEqual([]);
  });

  test('gated.yaml says every field of the analysis', () => {
    const { spec } = (migrationJsonSchema() as { properties: { spec: SchemaNode } }).properties;
    const described = spec.properties?.['analysis']?.properties ?? {};
    const said = parse(read('gated')).spec.analysis;
    expect(Object.keys(said).sort()).toEqual(Object.keys(described).sort());
    for (const metric of ['errorRate', 'latency']) {
      expect(Object.keys(said[metric]).sort()).toEqual(Object.keys(described[metric]?.properties ?? {}).sort());
    }
  });
});
