import * as v from 'valibot';
import { dryRun } from '../engine/plan.ts';
import { resolveDraft } from '../engine/start.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { type ApiResponse, json } from './http.ts';
import type { Answer, Call, QueryParameter } from './operation.ts';
import { dryRunSchema } from './plan-schema.ts';
import { check, toInputProblem } from './problems.ts';
import { readMigrationBody } from './request-body.ts';

/** Starting a migration without starting it: what it would do, and what its preflight finds. Nothing is written. */

export const dryRunParameter: QueryParameter = {
  name: 'dryRun',
  description: 'true: answers 200 with the plan and the findings of the preflight, and starts nothing',
  schema: v.picklist(['true', 'false'], 'must be true or false'),
};

export const dryRunAnswer: Answer = {
  status: 200,
  description: 'With dryRun=true: the plan',
  type: 'application/json',
  schema: dryRunSchema,
};

/** @throws InvalidInputError where it is neither true nor false */
export function isDryRun({ request }: Call): boolean {
  const asked = request.query[dryRunParameter.name];
  if (asked === undefined) return false;
  const { problems } = check(dryRunParameter.schema, asked);
  if (problems.length > 0) {
    throw new InvalidInputError(problems.map((one) => ({ ...toInputProblem(one), path: `?${dryRunParameter.name}` })));
  }
  return asked === 'true';
}

export async function plan({ dependencies: { ports }, request }: Call): Promise<ApiResponse> {
  const spec = await resolveDraft(ports, readMigrationBody(request));
  return json(200, await dryRun(ports, spec));
}
