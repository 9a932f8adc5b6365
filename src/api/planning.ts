import * as v from 'valibot';
import { dryRunOf } from '../engine/plan.ts';
import { unreadCheck } from '../engine/preflight/readable.ts';
import { InvalidInputError, TerminalError } from '../ports/errors.ts';
import { type ApiResponse, json } from './http.ts';
import type { Answer, Call, QueryParameter } from './operation.ts';
import { dryRunSchema } from './plan-schema.ts';
import { RequestRefused } from './problem-response.ts';
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

/**
 * The dry run of the migration file in the body.
 * @throws RequestRefused 400, 413 or 415, InvalidInputError with every mistake, TransientError
 */
export async function plan({ dependencies: { ports }, request }: Call): Promise<ApiResponse> {
  return json(200, await dryRunOf(ports, readMigrationBody(request)));
}

/**
 * What has to be read before there is a record: gateways, to find their routes or to plan a rehearsal.
 * @throws RequestRefused 422 with the check of the preflight that says why they cannot be read, and what `read` throws
 */
export async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    const { id, found } = unreadCheck(error);
    const title = 'The preflight would refuse it';
    throw new RequestRefused({ status: 422, code: 'preflight', title, detail: `${id}: ${found}` });
  }
}
