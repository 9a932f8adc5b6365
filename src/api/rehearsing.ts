import { dryRun } from '../engine/plan.ts';
import { lastSpec, rehearsalOf } from '../engine/rehearse.ts';
import { resolveDraft } from '../engine/start.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { type ApiResponse, json } from './http.ts';
import type { Call, Operation } from './operation.ts';
import { dryRunAnswer, dryRunParameter, isDryRun, readable } from './planning.ts';
import { readMigrationBody } from './request-body.ts';
import { startOnce } from './starting.ts';
import { viewSchema } from './view-schema.ts';

export const rehearsing: readonly Operation[] = [
  {
    id: 'rehearseMigration',
    method: 'POST',
    path: '/v1/migrations/{name}/rehearse',
    summary:
      'Moves the least share that can be moved, brings it back and tries break glass, to measure how long it takes',
    access: 'operate',
    query: [dryRunParameter],
    body: { kind: 'migration', isRequired: false },
    answer: { status: 201, description: 'It is under way', type: 'application/json', schema: viewSchema },
    otherAnswers: [dryRunAnswer],
    refusals: [400, 404, 409, 413, 415, 422, 502],
    carryOut: rehearse,
  },
];

/** Without a body it is the spec of the last run of this name that is rehearsed. */
async function rehearse(call: Call): Promise<ApiResponse> {
  const { ports } = call.dependencies;
  const rehearsal = () => readable(async () => rehearsalOf(ports, await specOf(call)));
  return isDryRun(call)
    ? json(200, await dryRun(ports, await rehearsal()))
    : startOnce(call, call.name, rehearsal, true);
}

async function specOf({ dependencies: { ports }, request, name }: Call) {
  if (request.body.length === 0) return lastSpec(ports, name);
  const draft = readMigrationBody(request);
  if (draft.name === name) return resolveDraft(ports, draft);
  throw new InvalidInputError([{ path: 'metadata.name', message: `is ${draft.name}, and the path says ${name}` }]);
}
