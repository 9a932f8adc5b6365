import { randomUUID } from 'node:crypto';
import { type FunctionComputeAnswer, toApiRequest, toFunctionComputeAnswer } from '../src/api/function-compute.ts';
import { handleRequest } from '../src/api/handle-request.ts';
import { composedFor, type FunctionContext } from '../src/compose.ts';

/** HTTP trigger: the API and the console. */
export async function handler(event: Buffer, context: FunctionContext): Promise<FunctionComputeAnswer> {
  const { ports, config } = composedFor(context);
  const response = await handleRequest({ ports, config, newId: randomUUID }, toApiRequest(event));
  return toFunctionComputeAnswer(response);
}
