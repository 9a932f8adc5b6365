import type { MigrationRecord } from '../domain/record.ts';
import type { Spec } from '../domain/spec.ts';
import { resolveDraft, startMigration } from '../engine/start.ts';
import { ConflictError, UnreadableRecordError } from '../ports/errors.ts';
import type { MigrationStore } from '../ports/migration-store.ts';
import type { Ports } from '../ports/ports.ts';
import { type ApiResponse, json } from './http.ts';
import { goOn } from './invoke.ts';
import type { Call, Operation } from './operation.ts';
import { dryRunAnswer, dryRunParameter, isDryRun, plan, readable } from './planning.ts';
import { shown } from './reading.ts';
import { readMigrationBody } from './request-body.ts';
import { compareRun, keyLastsMs, keyReused, oneAtATime, type RequestKey, requestKeyOf, runOf } from './request-key.ts';
import { viewSchema } from './view-schema.ts';

/** Names that are looked through for a key that was used for another migration. */
const namesMax = 1000;
const loadsAtOnce = 20;

export const starting: readonly Operation[] = [
  {
    id: 'startMigration',
    method: 'POST',
    path: '/v1/migrations',
    summary: 'Starts a migration, or only plans it',
    access: 'operate',
    query: [dryRunParameter],
    body: { kind: 'migration', isRequired: true },
    answer: { status: 201, description: 'It is under way', type: 'application/json', schema: viewSchema },
    otherAnswers: [dryRunAnswer],
    refusals: [400, 409, 413, 415, 422, 502],
    carryOut: async (call) => (isDryRun(call) ? plan(call) : start(call)),
  },
];

function start(call: Call): Promise<ApiResponse> {
  const draft = readMigrationBody(call.request);
  return startOnce(call, draft.name, () => readable(() => resolveDraft(call.dependencies.ports, draft)));
}

/** Starts a run of the name, or finds the one that the same request with the same Idempotency-Key started. */
export async function startOnce(
  call: Call,
  name: string,
  resolve: () => Promise<Spec>,
  isRehearsal = false,
): Promise<ApiResponse> {
  const { ports, newId } = call.dependencies;
  const key = requestKeyOf(call.request, call.caller);
  const record = await oneAtATime(ports, key, newId, async () => {
    const known = key === null ? null : await findRun(ports, name, key);
    if (known?.isAlive) return known.record;
    const spec = await resolve();
    // A key that is older than a day is a new request: its run must not be taken for the old one.
    const run = key === null ? newId() : `${runOf(key)}${known === null ? '' : newId()}`;
    return startMigration(ports, spec, { run, actor: call.caller, isRehearsal });
  });
  await goOn(ports, record);
  return json(201, shown(record), { location: `/v1/migrations/${record.name}` });
}

interface FoundRun {
  readonly record: MigrationRecord;
  /** The key has not run out. */
  readonly isAlive: boolean;
}

/**
 * The record that this request made before.
 * @throws RequestRefused 422 where another request had the key, ConflictError where another run has taken the name since
 */
async function findRun(ports: Ports, name: string, key: RequestKey): Promise<FoundRun | null> {
  const nowMs = await ports.store.now();
  const record = await ports.store.load(name);
  const isYoung = (atMs: number) => nowMs - atMs <= keyLastsMs;
  const match = record === null ? null : compareRun(record.run, key);
  if (record !== null && match !== null) {
    const isAlive = isYoung(record.createdAtMs);
    if (match === 'other' && isAlive) throw keyReused();
    return match === 'same' ? { record, isAlive } : null;
  }
  const past = await ports.store.history(name, 500);
  const earlier = past.filter(({ atMs }) => isYoung(atMs)).map(({ run }) => compareRun(run, key));
  if (earlier.includes('same')) {
    throw new ConflictError(`the run of ${name} that this Idempotency-Key started is over, and another has its name`);
  }
  if (earlier.includes('other') || (await isUsedElsewhere(ports.store, key, isYoung))) throw keyReused();
  return null;
}

async function isUsedElsewhere(
  store: MigrationStore,
  key: RequestKey,
  isYoung: (atMs: number) => boolean,
): Promise<boolean> {
  const names = await store.names(namesMax);
  for (let from = 0; from < names.length; from += loadsAtOnce) {
    const records = await Promise.all(names.slice(from, from + loadsAtOnce).map((name) => loadReadable(store, name)));
    if (records.some((one) => one !== null && compareRun(one.run, key) !== null && isYoung(one.createdAtMs)))
      return true;
  }
  return false;
}

async function loadReadable(store: MigrationStore, name: string): Promise<MigrationRecord | null> {
  try {
    return await store.load(name);
  } catch (error) {
    // Somebody else's broken record is reported by the list; it says nothing about this key.
    if (error instanceof UnreadableRecordError) return null;
    throw error;
  }
}
