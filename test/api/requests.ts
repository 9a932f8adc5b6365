import { createHash } from 'node:crypto';
import { type ApiRequest, type ApiResponse, handleRequest } from '../../src/api/handle-request.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { advance } from '../../src/engine/advance.ts';
import { aWorld, type World } from '../fixtures/world.ts';

/** The API over the engine and a route in virtual time. */
export interface Installation {
  readonly world: World;
  readonly config: Config;
  send(request: Partial<Omit<ApiRequest, 'body'>> & { readonly body?: unknown }): Promise<Answer>;
}

export interface Answer extends ApiResponse {
  // biome-ignore lint/suspicious/noExplicitAny: what is answered is what the tests look into.
  readonly json: any;
}

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex');

export function anInstallation(): Installation {
  const world = aWorld();
  const config = loadConfig({
    SLUICE_CLUSTERS: '{"ack":{"id":"c1","kubeconfig":"file:/ack"}}',
    SLUICE_MESHES: '{"asm":{"kubeconfig":"file:/asm"}}',
    SLUICE_CLB: '{"region":"cn-hangzhou"}',
    SLUICE_TOKENS: JSON.stringify({
      alice: { role: 'operator', sha256: sha256('alices-token') },
      agent: { role: 'reporter', sha256: sha256('agents-token') },
      wall: { role: 'viewer', sha256: sha256('walls-token') },
    }),
    SLUICE_DATA: '/data',
  });
  let ids = 0;
  const newId = () => {
    ids += 1;
    return `id${ids}`;
  };
  return {
    world,
    config,
    send: async ({ method = 'GET', path = '/', query = {}, headers = {}, body, sourceIp = '127.0.0.1' }) => {
      const isText = typeof body === 'string' || Buffer.isBuffer(body);
      const type = body === undefined || isText ? {} : { 'content-type': 'application/json' };
      const request: ApiRequest = {
        method,
        path,
        query,
        headers: { authorization: 'Bearer alices-token', ...type, ...headers },
        body: bytes(body),
        sourceIp,
      };
      const response = await handleRequest({ ports: world.ports, config, newId }, request);
      const isJson = response.body !== '' && response.headers['content-type']?.includes('json');
      return { ...response, json: isJson ? JSON.parse(response.body) : null };
    },
  };
}

/** So many ticks of the migration `shop-ingress`, a second apart. */
export async function tick({ world }: Installation, times: number): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    await advance(world.ports, 'shop-ingress', world.nowMs + 5000);
    world.nowMs += 1000;
  }
}

/** The commands that the history of `shop-ingress` tells of. */
export async function commandsOf({ send }: Installation): Promise<readonly string[]> {
  const { json } = await send({ path: '/v1/migrations/shop-ingress/history' });
  return json.history.flatMap(({ kind, text }: { kind: string; text: string }) => (kind === 'command' ? [text] : []));
}

function bytes(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (body === undefined) return Buffer.alloc(0);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

export const yaml = { 'content-type': 'application/yaml' };

/** The long form of the route that the world has. */
export function aFile(name = 'shop-ingress', group = 'rsp-pub-80'): string {
  return `apiVersion: sluice/v1
kind: Migration
metadata: { name: ${name} }
spec:
  routes:
    - loadBalancer: lb-public
      source: { cluster: ack, service: istio-system/istio-ingressgateway }
      target: { mesh: asm, gateway: istio-system/ingressgateway-asm }
      ports: { 80: ${group} }
  steps: [{ share: 10, bake: 1m }, { share: 100, bake: 1m }]
  settle: 0s
  notify: [ops]
`;
}
