import { STATUS_CODES } from 'node:http';
import { jsonSchemaOf, migrationJsonSchema } from './migration-file.ts';
import type { Answer, Operation } from './operation.ts';
import { problemSchema, viewSchema } from './view-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of the operations, from the same schemas that check the requests. */
export function openApiDocument(operations: readonly Operation[]): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    path[operation.method.toLowerCase()] = describe(operation);
    paths[operation.path] = path;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: 'v1',
      description: 'Moves traffic from one ingress gateway to another, in stages, and brings it back by itself.',
    },
    paths,
    components: {
      schemas: {
        Migration: jsonSchemaOf(viewSchema),
        MigrationFile: migrationJsonSchema(),
        Problem: jsonSchemaOf(problemSchema),
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        token: { type: 'apiKey', in: 'header', name: 'X-Sluice-Token' },
      },
    },
  };
}

function describe(operation: Operation): Json {
  const { id, summary, access, answer, otherAnswers = [] } = operation;
  const body = bodyOf(operation);
  return {
    operationId: id,
    summary,
    ...(access === 'open' ? { security: [] } : { security: [{ bearer: [] }, { token: [] }] }),
    parameters: parametersOf(operation),
    ...(body === null ? {} : { requestBody: body }),
    responses: {
      ...Object.fromEntries([answer, ...otherAnswers].map((one) => [one.status, answered(one)])),
      ...Object.fromEntries(refusalsOf(operation).map((status) => [status, refusal(status)])),
    },
  };
}

function parametersOf({ path, query, method, access }: Operation): readonly Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    return { name, in: 'path', required: true, description: 'Name of the migration', schema: { type: 'string' } };
  });
  const inQuery = query.map(({ name, description, schema }) => {
    return { name, in: 'query', required: false, description, schema: jsonSchemaOf(schema) };
  });
  const isKeyed = method === 'POST' && access === 'operate';
  const description = 'The same key with the same body within 24 hours is the same request';
  const key = { name: 'Idempotency-Key', in: 'header', required: false, description, schema: { type: 'string' } };
  return [...inPath, ...inQuery, ...(isKeyed ? [key] : [])];
}

function bodyOf({ body }: Operation): Json | null {
  switch (body.kind) {
    case 'none':
      return null;
    case 'migration': {
      const content = { schema: { $ref: '#/components/schemas/MigrationFile' } };
      return {
        required: true,
        content: { 'application/yaml': content, 'text/yaml': content, 'application/json': content },
      };
    }
    case 'json':
      return { required: body.isRequired, content: { 'application/json': { schema: jsonSchemaOf(body.schema) } } };
    default:
      return body satisfies never;
  }
}

function answered(answer: Answer): Json {
  return { description: answer.description, content: { [answer.type]: { schema: answerSchema(answer) } } };
}

function answerSchema(answer: Answer): Json {
  if (answer.schema === viewSchema) return { $ref: '#/components/schemas/Migration' };
  if (answer.schema !== null) return jsonSchemaOf(answer.schema);
  return { type: answer.type === 'text/html' ? 'string' : 'object' };
}

/** What each operation may answer, by what it is. */
function refusalsOf({ access, query, refusals }: Operation): readonly number[] {
  const always = access === 'open' ? [400] : [400, 401, 403, 500, 503];
  return [...new Set([...always, ...(query.length > 0 ? [422] : []), ...refusals])].sort((a, b) => a - b);
}

function refusal(status: number): Json {
  const schema = { $ref: '#/components/schemas/Problem' };
  return { description: STATUS_CODES[status] ?? 'No', content: { 'application/problem+json': { schema } } };
}
