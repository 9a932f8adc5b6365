import * as v from 'valibot';
import { traceName, traceOf } from '../domain/judge/trace.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { pushed, sourcesOf } from '../domain/sources.ts';
import type { MigrationView } from '../domain/view.ts';
import { contextOf } from '../engine/snapshot.ts';
import { viewOf } from '../engine/view.ts';
import { InvalidInputError, NotFoundError, UnreadableRecordError } from '../ports/errors.ts';
import type { MigrationStore } from '../ports/migration-store.ts';
import type { Ports } from '../ports/ports.ts';
import { type ApiResponse, json } from './http.ts';
import { type Call, noBody, type Operation, type QueryParameter } from './operation.ts';
import { check, toInputProblem } from './problems.ts';
import { withoutMarks } from './request-key.ts';
import type { MigrationSummary } from './view-schema.ts';
import { historySchema, listSchema, traceSchema, viewSchema } from './view-schema.ts';

/** Operations that change nothing. */

const listMax = 1000;
const historyMax = 500;
const loadsAtOnce = 20;

const limit = (max: number): QueryParameter => ({
  name: 'limit',
  description: `At most so many, 1 to ${max}`,
  schema: v.pipe(
    v.string(),
    v.regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${max}`),
    v.transform(Number),
    v.maxValue(max, `must be a whole number from 1 to ${max}`),
  ),
});

const signalsParameter: QueryParameter = {
  name: 'signals',
  description: 'The source of signals, where there are several; without it the first that the spec names',
  schema: v.pipe(v.string(), v.maxLength(100, 'must be the name of a source of signals')),
};

export const reading: readonly Operation[] = [
  {
    id: 'listMigrations',
    method: 'GET',
    path: '/v1/migrations',
    summary: 'Every migration, without its spec',
    access: 'read',
    query: [limit(listMax)],
    body: noBody,
    answer: { status: 200, description: 'In the order of their names', type: 'application/json', schema: listSchema },
    refusals: [],
    carryOut: list,
  },
  {
    id: 'getMigration',
    method: 'GET',
    path: '/v1/migrations/{name}',
    summary: 'One migration',
    access: 'read',
    query: [],
    body: noBody,
    answer: { status: 200, description: 'As it is now', type: 'application/json', schema: viewSchema },
    refusals: [404],
    carryOut: async ({ dependencies, name }) => json(200, await loadView(dependencies.ports, name)),
  },
  {
    id: 'getHistory',
    method: 'GET',
    path: '/v1/migrations/{name}/history',
    summary: 'What happened to a migration, oldest first',
    access: 'read',
    query: [limit(historyMax)],
    body: noBody,
    answer: { status: 200, description: 'The newest entries', type: 'application/json', schema: historySchema },
    refusals: [404],
    carryOut: history,
  },
  {
    id: 'getTrace',
    method: 'GET',
    path: '/v1/migrations/{name}/trace',
    summary: 'What the judge of a migration was fed, oldest first, to be judged again (`sluice judge --samples`)',
    access: 'read',
    query: [signalsParameter],
    body: noBody,
    answer: {
      status: 200,
      description: 'The newest 10,000 cells of the last 24 hours, of this run; no lines where nothing was judged yet',
      type: 'application/json',
      schema: traceSchema,
    },
    refusals: [404, 422],
    carryOut: trace,
  },
];

async function trace({ dependencies: { ports }, request, name }: Call): Promise<ApiResponse> {
  const record = await ports.store.load(name);
  if (record === null) throw new NotFoundError(`there is no migration ${name}`);
  const sources = sourcesOf(contextOf(record).spec.analysis);
  const signals = request.query[signalsParameter.name] ?? sources[0] ?? pushed;
  if (!sources.includes(signals)) {
    const message = `is not a source of signals of ${name}; it has ${sources.join(', ')}`;
    throw new InvalidInputError([{ path: `?${signalsParameter.name}`, message }]);
  }
  const samples = await ports.signals.read(traceName(name, signals), 0);
  return json(200, { signals, trace: traceOf(samples, record.run) });
}

/** @throws NotFoundError, UnreadableRecordError */
export async function loadView(ports: Ports, name: string): Promise<MigrationView> {
  const record = await ports.store.load(name);
  if (record === null) throw new NotFoundError(`there is no migration ${name}`);
  return shown(record);
}

/** A record as it is answered. */
export function shown(record: MigrationRecord): MigrationView {
  const view = viewOf(record);
  return { ...view, reason: view.reason === null ? null : withoutMarks(view.reason) };
}

async function list({ dependencies, request }: Call): Promise<ApiResponse> {
  const { store } = dependencies.ports;
  const names = await store.names(limitOf(request.query, listMax));
  const lines: Line[] = [];
  for (let from = 0; from < names.length; from += loadsAtOnce) {
    lines.push(...(await Promise.all(names.slice(from, from + loadsAtOnce).map((name) => lineOf(store, name)))));
  }
  return json(200, {
    migrations: lines.flatMap((line) => (line !== null && 'state' in line ? [line] : [])),
    unreadable: lines.flatMap((line) => (line !== null && 'message' in line ? [line] : [])),
  });
}

type Line = MigrationSummary | { readonly name: string; readonly message: string } | null;

/** One record that cannot be read must not hide the others. */
async function lineOf(store: MigrationStore, name: string): Promise<Line> {
  try {
    const record = await store.load(name);
    if (record === null) return null;
    const { spec: _, ...summary } = shown(record);
    return summary;
  } catch (error) {
    if (error instanceof UnreadableRecordError) return { name, message: error.message };
    throw error;
  }
}

async function history({ dependencies, request, name }: Call): Promise<ApiResponse> {
  const { store } = dependencies.ports;
  const entries = await store.history(name, limitOf(request.query, historyMax));
  if (entries.length === 0 && (await store.load(name)) === null) {
    throw new NotFoundError(`there is no migration ${name}`);
  }
  return json(200, {
    history: entries.map(({ atMs, run, revision, kind, text, actor }) => {
      const who = actor === null ? null : withoutMarks(actor);
      return { at: new Date(atMs).toISOString(), run, revision, kind, text: withoutMarks(text), actor: who };
    }),
  });
}

function limitOf(query: Readonly<Record<string, string>>, max: number): number {
  if (query['limit'] === undefined) return max;
  const { output, problems } = check(limit(max).schema, query['limit']);
  if (problems.length > 0) throw new InvalidInputError(problems.map(toInputProblem));
  return Number(output);
}
