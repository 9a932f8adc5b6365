import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseMigration } from '../../src/api/migration-file.ts';
import { configVariables, loadConfig } from '../../src/config.ts';
import type { Draft } from '../../src/domain/draft.ts';
import { InvalidInputError } from '../../src/ports/errors.ts';
import { aFile } from '../api/requests.ts';
import { changed, changes, edited, edits, holds, oddText, oddValue, valueOrOurs } from './property.ts';

const shortForm = `apiVersion: sluice/v1
kind: Migration
metadata: { name: shop-ingress }
spec:
  source: istio-system/istio-ingressgateway
  target: istio-system/ingressgateway-asm
  probe: { host: shop.example.com, path: /productpage }
  steps: [10%, { share: 50, bake: 10m, gate: { expiresIn: 2h, onExpiry: hold } }, 100%]
  windows: [{ days: mon-thu, from: "09:00", to: "17:00", zone: Asia/Shanghai }]
  analysis: { errorRate: { harmBudget: 0.5% } }
  deadline: 6h
`;
const subsets = `apiVersion: sluice/v1
kind: Migration
metadata: { name: reviews }
spec:
  routes: [{ mesh: asm, virtualService: default/reviews, host: reviews, from: [v1, v2], to: v3 }]
  steps: [10, 100]
`;
const files = fc.constantFrom(aFile(), shortForm, subsets);

/** What a draft may be, said once more and apart from the schema. */
function expectSound(draft: Draft): void {
  expect(draft.name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
  expect(draft.steps.length).toBeGreaterThan(0);
  expect(draft.steps.length).toBeLessThanOrEqual(100);
  for (const { share, bakeMs, gate } of draft.steps) {
    expect(share >= 0 && share <= 100).toBe(true);
    expect(bakeMs >= 0 && Number.isSafeInteger(bakeMs)).toBe(true);
    expect(gate === null || gate.expiresInMs > 0).toBe(true);
  }
  const { deadlineMs, undoForMs, settleMs, deadManAfterMs, tolerance } = draft;
  for (const ms of [deadlineMs, undoForMs, settleMs, deadManAfterMs])
    expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
  expect(tolerance >= 0 && tolerance <= 100).toBe(true);
}

async function expectDraftOrPlaces(text: string): Promise<void> {
  const draft = await valueOrOurs(() => parseMigration(text));
  if (!(draft instanceof Error)) return expectSound(draft);
  expect(draft).toBeInstanceOf(InvalidInputError);
  const { problems } = draft as InvalidInputError;
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.length).toBeLessThanOrEqual(100);
  for (const { path, message, line = 1 } of problems) {
    expect(path.length > 0 && message.length > 0 && message.length < 2_000 && line >= 1).toBe(true);
  }
}

describe('a migration file', () => {
  it('that was edited anywhere is a sound draft, or every problem names its place', () =>
    holds(400, fc.tuple(files, edits), ([file, all]) => expectDraftOrPlaces(edited(file, all))));
  it('with values changed anywhere is a sound draft, or every problem names its place', () =>
    holds(300, fc.tuple(files, changes), ([file, all]) => expectDraftOrPlaces(stringify(changed(parse(file), all)))));
  it('of any text at all is refused with a place', () => holds(200, oddText, expectDraftOrPlaces));
  it('of any value at all is refused with a place', () =>
    holds(200, oddValue, (value) => expectDraftOrPlaces(JSON.stringify(value) ?? '')));
  it('with a field that nobody knows is refused, and the message names the field', () => {
    const name = fc.stringMatching(/^zz[a-z]{1,8}$/);
    const place = fc.constantFrom([], ['metadata'], ['spec'], ['spec', 'routes', '0'], ['spec', 'steps', '0']);
    return holds(100, fc.tuple(name, place, oddValue), async ([field, path, value]) => {
      const file = parse(aFile()) as Record<string, unknown>;
      const holder = path.reduce((object, part) => object[part] as Record<string, unknown>, file);
      holder[field] = value;
      const refused = await valueOrOurs(() => parseMigration(stringify(file)));
      expect(refused).toBeInstanceOf(InvalidInputError);
      expect(JSON.stringify((refused as InvalidInputError).problems)).toContain(field);
    });
  });
});

describe('the configuration', () => {
  const names = configVariables.map(({ name }) => name);
  const examples = Object.fromEntries(configVariables.map(({ name, example }) => [name, example]));
  const edit = fc.record({ name: fc.constantFrom(...names), edits, isReplaced: fc.boolean(), value: oddText });
  it('with variables changed is read, or every problem names a variable and repeats no value', () =>
    holds(300, fc.array(edit, { minLength: 1, maxLength: 3 }), async (all) => {
      const environment = { ...examples };
      for (const { name, edits: own, isReplaced, value } of all) {
        environment[name] = isReplaced ? value : edited(examples[name] ?? '', own);
      }
      const config = await valueOrOurs(() => loadConfig(environment));
      if (!(config instanceof Error)) return expect(Object.keys(config.clusters).length).toBeGreaterThan(0);
      expect(config).toBeInstanceOf(InvalidInputError);
      for (const { path, message } of (config as InvalidInputError).problems) {
        expect(
          names.some((name) => path.startsWith(name)),
          path,
        ).toBe(true);
        expect(message.length < 1_000).toBe(true);
        for (const { name } of all) {
          const value = environment[name] ?? '';
          if (value.length > 20) expect(message).not.toContain(value);
        }
      }
    }));
});
