import { toJsonSchema } from '@valibot/to-json-schema';
import { clientsSchema, faultsSchema, gatewaySchema } from './schemas.ts';

type Operation = Readonly<Record<string, unknown>>;

/** The description of the control API, made from the schemas that check its bodies. */
export function openApiDocument(url: string): Readonly<Record<string, unknown>> {
  return {
    openapi: '3.1.0',
    info: { title: 'Sluice sandbox control', version: '1' },
    servers: [{ url }],
    paths: {
      '/state': { get: answer('Load balancers, groups, backends with weights and owners, gateways') },
      '/counters': {
        get: answer('Requests, errors and latency of each side, since start and in the last 10 s; requests lost'),
      },
      '/gateways/{side}': {
        parameters: [{ name: 'side', in: 'path', required: true, schema: { enum: ['source', 'target'] } }],
        put: change('Changes the gateway of one side', gatewaySchema),
      },
      '/clients': { put: change('Changes the clients that send requests', clientsSchema) },
      '/faults': {
        put: change('Puts these faults in force, instead of those before', faultsSchema),
        delete: answer('Ends all faults'),
      },
      '/chat': { get: answer('What chat received, the oldest first') },
    },
  };
}

function answer(summary: string): Operation {
  return { summary, responses: { 200: { description: 'OK', content: { 'application/json': { schema: {} } } } } };
}

function change(summary: string, schema: Parameters<typeof toJsonSchema>[0]): Operation {
  // The rule which fault a place knows is a function and has no form in JSON Schema; the API names it when it is broken.
  const body = toJsonSchema(schema, { errorMode: 'ignore' });
  return {
    ...answer(summary),
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
    responses: { 200: { description: 'What is in force now' }, 400: { description: 'Every mistake of the body' } },
  };
}
