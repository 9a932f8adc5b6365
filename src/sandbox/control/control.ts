import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { listen, readBody, sendJson } from '../function-compute/http-io.ts';
import { openApiDocument } from './open-api-document.ts';
import {
  type ClientsChange,
  clientsSchema,
  type FaultList,
  faultsSchema,
  type GatewayChange,
  gatewaySchema,
  mistakesOf,
  type SubsetChange,
  subsetSchema,
} from './schemas.ts';

export type Side = 'source' | 'target';

/** What the control API can ask of the sandbox. Each change answers what is in force after it. */
export interface Controls {
  state(): unknown;
  counters(): unknown;
  chat(): unknown;
  setGateway(side: Side, change: GatewayChange): Promise<unknown>;
  /** @param host as `default/reviews` @throws UnknownSubset */
  setSubset(host: string, subset: string, change: SubsetChange): Promise<unknown>;
  setClients(change: ClientsChange): Promise<unknown>;
  putFaults(faults: FaultList): Promise<unknown>;
  clearFaults(): Promise<unknown>;
}

/** A change that this sandbox cannot make, although its form is right; answered with 400. */
export class ChangeRefused extends Error {}

/** A subset that is not there; answered with 404 and the paths of those that are. */
export class UnknownSubset extends Error {
  readonly known: readonly string[];

  constructor(path: string, known: readonly string[]) {
    super(`there is no ${path}`);
    this.known = known;
  }
}

export interface Control {
  readonly url: string;
  stop(): Promise<void>;
}

type Methods = Readonly<Record<string, (body: unknown) => unknown>>;
type Schema<T> = v.GenericSchema<unknown, T>;

class Mistakes extends Error {
  readonly list: readonly string[];

  constructor(list: readonly string[]) {
    super('the body has mistakes');
    this.list = list;
  }
}

const bodyBytesMax = 64 * 1024;
const subsetPath = '/subsets/{namespace}/{host}/{subset}';

/** Serves the control API of design section 6 on loopback: for anyone with curl. */
export async function startControl(controls: Controls, port = 0): Promise<Control> {
  const { url, stop } = await listen((request, response) => respond(controls, request, response), port);
  return { url, stop };
}

async function respond(controls: Controls, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://control');
  const routes = routesOf(controls, `http://${request.headers.host ?? '127.0.0.1'}`);
  const methods = routes[pathname] ?? subsetRoute(controls, pathname);
  if (!methods)
    return problem(response, 404, `there is no ${pathname.slice(0, 200)}`, [...Object.keys(routes), subsetPath]);
  const act = methods[request.method ?? ''];
  if (!act) {
    const allow = Object.keys(methods).join(', ');
    return problem(response, 405, `${pathname} knows ${allow}`, [], { allow });
  }
  const body = await readBody(request, bodyBytesMax);
  if (body === null) return problem(response, 413, `the body exceeds ${bodyBytesMax} bytes`);
  try {
    const given = request.method === 'PUT' ? parsed(body) : undefined;
    sendJson(response, 200, await act(given));
  } catch (error) {
    if (error instanceof Mistakes) return problem(response, 400, error.message, error.list);
    if (error instanceof UnknownSubset) return problem(response, 404, error.message, error.known);
    if (error instanceof ChangeRefused) return problem(response, 400, error.message, [error.message]);
    throw error;
  }
}

function routesOf(controls: Controls, url: string): Readonly<Record<string, Methods>> {
  const gateway = (side: Side): Methods => ({
    PUT: (body) => controls.setGateway(side, checked(gatewaySchema, body)),
  });
  return {
    '/': { GET: () => ({ name: 'Sluice sandbox control', describedBy: `${url}/openapi.json` }) },
    '/openapi.json': { GET: () => openApiDocument(url) },
    '/state': { GET: () => controls.state() },
    '/counters': { GET: () => controls.counters() },
    '/chat': { GET: () => controls.chat() },
    '/gateways/source': gateway('source'),
    '/gateways/target': gateway('target'),
    '/clients': { PUT: (body) => controls.setClients(checked(clientsSchema, body)) },
    '/faults': {
      PUT: (body) => controls.putFaults(checked(faultsSchema, body)),
      DELETE: () => controls.clearFaults(),
    },
  };
}

/** Names as Kubernetes and Istio allow them, so that nothing in a path has to be decoded. */
function subsetRoute(controls: Controls, pathname: string): Methods | null {
  const [, host, subset] = /^\/subsets\/([a-z0-9.-]{1,253}\/[a-z0-9.-]{1,253})\/([\w.-]{1,253})$/.exec(pathname) ?? [];
  if (host === undefined || subset === undefined) return null;
  return { PUT: (body) => controls.setSubset(host, subset, checked(subsetSchema, body)) };
}

function checked<T>(schema: Schema<T>, body: unknown): T {
  const result = v.safeParse(schema, body);
  if (!result.success) throw new Mistakes(mistakesOf(result.issues));
  return result.output;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new Mistakes([`body: not JSON (${error instanceof Error ? error.message : String(error)})`]);
  }
}

function problem(
  response: ServerResponse,
  status: number,
  detail: string,
  mistakes: readonly string[] = [],
  headers: Readonly<Record<string, string>> = {},
): void {
  const more = mistakes.length === 0 ? {} : status === 404 ? { paths: mistakes } : { mistakes };
  sendJson(response, status, { status, detail, ...more }, { 'content-type': 'application/problem+json', ...headers });
}
