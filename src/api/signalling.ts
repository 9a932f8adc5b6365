import { arrivalsOf } from '../domain/judge/arrival.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { pushed } from '../domain/sources.ts';
import type { Sample } from '../domain/verdict.ts';
import { contextOf } from '../engine/snapshot.ts';
import { isObject } from './choice.ts';
import { type ApiResponse, json } from './http.ts';
import type { Call, Operation } from './operation.ts';
import type { PlacedProblem } from './problems.ts';
import { readJsonBody } from './request-body.ts';
import { signalsAnswerSchema, signalsSchema } from './schemas.ts';

/** Older samples are dropped by the stores; newer ones come from a clock that is wrong. */
const pastMsMax = 24 * 60 * 60 * 1000;
const futureMsMax = 5 * 60 * 1000;

export const signalling: readonly Operation[] = [
  {
    id: 'sendSignals',
    method: 'POST',
    path: '/v1/migrations/{name}/signals',
    summary:
      'Counted requests and errors of the sides, also before the start; the same side, instance, CLB and interval again counts once',
    access: 'report',
    query: [],
    body: { kind: 'json', schema: signalsSchema, isRequired: true },
    answer: {
      status: 202,
      description: 'Kept; what does not count as it may seem is told',
      type: 'application/json',
      schema: signalsAnswerSchema,
    },
    refusals: [400, 413, 415, 422],
    carryOut: keep,
  },
];

async function keep({ dependencies, request, name }: Call): Promise<ApiResponse> {
  const { store, signals } = dependencies.ports;
  const nowMs = await store.now();
  const body = readJsonBody(request, signalsSchema, (partial) => timeProblems(partial, nowMs));
  const samples = body.samples.map(
    ({ from, seconds, ...rest }): Sample => ({ ...rest, fromMs: from, ms: Math.round(seconds * 1000) }),
  );
  // A plan counts with them, and a preflight may ask for them, before there is a record; a misspelt name is seen by its null.
  const [record, known] = await Promise.all([
    store.load(name),
    signals.read(name, Math.min(...samples.map(({ fromMs }) => fromMs))),
  ]);
  const remarks = arrivalsOf(samples, { known, nowMs, ...judgedIn(record) });
  await signals.record(name, samples);
  return json(202, { accepted: samples.length, state: record?.state ?? null, remarks });
}

function judgedIn(record: MigrationRecord | null) {
  if (record === null) return { countedToMs: null, loadBalancers: null };
  const { judging, spec } = contextOf(record);
  return {
    countedToMs: judging[pushed]?.countedToMs ?? null,
    loadBalancers: spec.routes.map(({ loadBalancer }) => loadBalancer),
  };
}

/** Of every `from` that could be read, whatever else is wrong with the request: mistakes are told all at once. */
function timeProblems(partial: unknown, nowMs: number): readonly PlacedProblem[] {
  const samples = isObject(partial) ? partial['samples'] : null;
  if (!Array.isArray(samples)) return [];
  return samples.flatMap((sample: unknown, index): PlacedProblem[] => {
    const fromMs = isObject(sample) ? sample['from'] : null;
    if (typeof fromMs !== 'number') return [];
    const message = timeProblem(fromMs, nowMs);
    return message === null ? [] : [{ path: ['samples', index, 'from'], message, isAtKey: false }];
  });
}

function timeProblem(fromMs: number, nowMs: number): string | null {
  if (fromMs < nowMs - pastMsMax) return 'is more than a day ago';
  return fromMs > nowMs + futureMsMax ? 'is more than 5 minutes ahead; is the clock right?' : null;
}
