import * as v from 'valibot';
import { quietOf } from '../domain/quiet.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { type ApiResponse, json } from './http.ts';
import { type Call, noBody, type Operation } from './operation.ts';
import { check, toInputProblem } from './problems.ts';
import { loadView } from './reading.ts';
import { duration } from './values.ts';
import { quietSchema } from './view-schema.ts';

/** Stores keep samples for a day; below a minute nothing is proven. */
const forSchema = v.optional(duration('1m', '23h', 'How long back'), '10m');

/** An interval that began before may reach into the time that is asked for. */
const sampleMsMax = 60_000;

export const quieting: readonly Operation[] = [
  {
    id: 'getQuiet',
    method: 'GET',
    path: '/v1/migrations/{name}/quiet',
    summary: 'What was counted at the source, whichever way it came: whether anybody still needs the old gateway',
    access: 'read',
    query: [{ name: 'for', description: 'How long back, a duration such as 10m', schema: forSchema }],
    body: noBody,
    answer: { status: 200, description: 'As the samples tell it now', type: 'application/json', schema: quietSchema },
    refusals: [404],
    carryOut: read,
  },
];

async function read({ dependencies, request, name }: Call): Promise<ApiResponse> {
  const { store, signals } = dependencies.ports;
  // So that a misspelt name is an error, and not a gateway that nobody needs.
  await loadView(dependencies.ports, name);
  const { output, problems } = check(forSchema, request.query['for']);
  if (output === null) throw new InvalidInputError(problems.map(toInputProblem));
  const atMs = await store.now();
  const samples = await signals.read(name, atMs - output - sampleMsMax);
  const { fromMs, toMs, ...quiet } = quietOf(samples, 'source', output, atMs);
  return json(200, { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), ...quiet });
}
