import { toJsonSchema } from '@valibot/to-json-schema';
import { clientsSchema, faultsSchema, gatewaySchema, subsetSchema } from './schemas.ts';

type Operation = Readonly<Record<string, unknown>>;

/** The description of the control API, made from the schemas that check its bodies. */
export function openApiDocument(url: string): Readonly<Record<string, unknown>> {
  return {
    openapi: '3.1.0',
    info: { title: 'Sluice sandbox control', version: '1' },
    servers: [{ url }],
    paths: {
      '/state': {
        get: answer(
          'Load balancers, groups, backends with weights and owners, gateways and where they tell their counters',
        ),
      },
      '/counters': {
        get: answer(
          'Requests, errors and latency of each side, and of each side by load balancer; requests and errors of each subset; direct requests; requests lost; since start and in the last 10 s; what is open',
        ),
      },
      '/gateways/{side}': {
        parameters: [{ name: 'side', in: 'path', required: true, schema: { enum: ['source', 'target'] } }],
        put: change('Changes the gateway of one side', gatewaySchema),
      },
      '/subsets/{namespace}/{host}/{subset}': {
        parameters: ['namespace', 'host', 'subset'].map((name) => ({
          name,
          in: 'path',
          required: true,
          schema: { type: 'string' },
        })),
        put: change('Changes how the pods of one subset answer calls inside the mesh', subsetSchema),
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
