import * as v from 'valibot';
import { dryRunSchema } from '../api/plan-schema.ts';
import {
  type HistoryAnswer,
  historySchema,
  listSchema,
  type MigrationSummary,
  type QuietAnswer,
  quietSchema,
  type TraceAnswer,
  traceSchema,
  viewSchema,
} from '../api/view-schema.ts';
import type { PersonVerb } from '../domain/person-command.ts';
import type { MigrationView } from '../domain/view.ts';
import type { DryRun } from '../engine/plan.ts';
import { type ApiClient, CannotReachError } from './client.ts';

/** Migrations on a server; answers are checked, because the server may be of another version. */
export interface Migrations {
  start(file: string): Promise<MigrationView>;
  /** What starting it would do; nothing is started. */
  plan(file: string): Promise<DryRun>;
  /** Of the file, or without one of the name's last run. */
  rehearse(name: string, file: string | null): Promise<MigrationView>;
  /** What a rehearsal would do; nothing is started. */
  planRehearsal(name: string, file: string | null): Promise<DryRun>;
  list(): Promise<MigrationList>;
  get(name: string): Promise<MigrationView>;
  history(name: string): Promise<HistoryAnswer['history']>;
  /** What its judge was fed from a source of signals; of the first that its spec names where none is. */
  trace(name: string, signals: string | null): Promise<TraceAnswer>;
  /** What was counted at its source; `forTime` as people write durations. */
  quiet(name: string, forTime: string): Promise<QuietAnswer>;
  send(name: string, verb: PersonVerb, body: unknown): Promise<MigrationView>;
}

export interface MigrationList {
  readonly migrations: readonly MigrationSummary[];
  readonly unreadable: readonly { readonly name: string; readonly message: string }[];
}

/** What answers is checked: another shape than the OpenAPI document's is a CannotReachError. */
export function migrationsAt(api: ApiClient): Migrations {
  const path = (name: string, rest = '') => `/v1/migrations/${encodeURIComponent(name)}${rest}`;
  // The spec is shown as it came and never computed with, so its own shape is not checked.
  const view = async (answer: Promise<unknown>) => expect(viewSchema, await answer) as unknown as MigrationView;
  return {
    start: (file) => view(api.post('/v1/migrations', file)),
    plan: async (file) => expect(dryRunSchema, await api.post('/v1/migrations?dryRun=true', file)),
    rehearse: (name, file) => view(api.post(path(name, '/rehearse'), file)),
    planRehearsal: async (name, file) =>
      expect(dryRunSchema, await api.post(path(name, '/rehearse?dryRun=true'), file)),
    list: async () => expect(listSchema, await api.get('/v1/migrations')),
    get: (name) => view(api.get(path(name))),
    history: async (name) => expect(historySchema, await api.get(path(name, '/history'))).history,
    trace: async (name, signals) => {
      const query = signals === null ? '' : `?signals=${encodeURIComponent(signals)}`;
      return expect(traceSchema, await api.get(path(name, `/trace${query}`)));
    },
    quiet: async (name, forTime) =>
      expect(quietSchema, await api.get(path(name, `/quiet?for=${encodeURIComponent(forTime)}`))),
    send: (name, verb, body) => view(api.post(path(name, `/${verb}`), body)),
  };
}

function expect<Schema extends v.GenericSchema>(schema: Schema, value: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]) ?? 'all of it';
  throw new CannotReachError(`the server answers in another way than this command line knows (${where})`);
}
