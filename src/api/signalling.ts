import type { Sample } from '../domain/verdict.ts';
import { type InputProblem, InvalidInputError } from '../ports/errors.ts';
import { type ApiResponse, json } from './http.ts';
import type { Call, Operation } from './operation.ts';
import { readJsonBody } from './request-body.ts';
import { signalsSchema } from './schemas.ts';

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
    answer: { status: 202, description: 'Kept', type: 'application/json', schema: null },
    refusals: [400, 413, 415, 422],
    carryOut: keep,
  },
];

async function keep({ dependencies, request, name }: Call): Promise<ApiResponse> {
  const { store, signals } = dependencies.ports;
  const body = readJsonBody(request, signalsSchema);
  const samples = body.samples.map(
    ({ from, seconds, ...rest }): Sample => ({ ...rest, fromMs: from, ms: Math.round(seconds * 1000) }),
  );
  const problems = timeProblems(samples, await store.now());
  if (problems.length > 0) throw new InvalidInputError(problems);
  await signals.record(name, samples);
  // A plan counts with them, and a preflight may ask for them, before there is a record; a misspelt name is seen by its null.
  const record = await store.load(name);
  return json(202, { accepted: samples.length, state: record?.state ?? null });
}

function timeProblems(samples: readonly Sample[], nowMs: number): readonly InputProblem[] {
  return samples
    .flatMap(({ fromMs }, index): InputProblem[] => {
      const path = `samples[${index}].from`;
      if (fromMs < nowMs - pastMsMax) return [{ path, message: 'is more than a day ago' }];
      if (fromMs > nowMs + futureMsMax) return [{ path, message: 'is more than 5 minutes ahead; is the clock right?' }];
      return [];
    })
    .slice(0, 100);
}
