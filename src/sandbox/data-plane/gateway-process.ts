// A gateway of the sandbox as a process of its own: started by gateway.ts with one JSON argument, steered over IPC.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seededRandom } from '../random.ts';
import { GatewayAnswers } from './gateway-answers.ts';
import { GatewayListeners } from './gateway-listeners.ts';
import type { FromGateway, GatewayStart, ToGateway } from './gateway-messages.ts';
import { MeshCalls } from './mesh-calls.ts';
import { prometheusText } from './prometheus-text.ts';

const reportEveryMs = 100;

async function main(start: GatewayStart): Promise<void> {
  // Luck of their own: an error rate of the gateway strikes the same requests whether or not pages make calls.
  const calls = new MeshCalls(seededRandom(start.seed + 1));
  const answers = new GatewayAnswers(start.side, seededRandom(start.seed), calls);
  const listeners = new GatewayListeners((request, response) => answers.serve(request, response));
  await listeners.listen(start.listen);
  const admin = createServer((request, response) => {
    const isStats = request.url?.split('?')[0] === '/stats/prometheus';
    response.writeHead(isStats ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(isStats ? prometheusText(start.workload, answers.counters()) : 'not found\n');
  });
  await new Promise<void>((resolve, reject) => {
    admin.once('error', reject);
    admin.listen(start.adminPort, '127.0.0.1', resolve);
  });
  process.on('message', (message: ToGateway) => {
    carryOut(message, { answers, listeners, calls }).then(
      () => tell({ kind: 'done', id: message.id }),
      (error: unknown) => tell({ kind: 'failed', id: message.id, message: messageOf(error) }),
    );
  });
  let reported = '';
  setInterval(() => {
    const counters = answers.counters();
    const now = `${counters.total.requests} ${counters.open.total}`;
    if (now === reported) return;
    reported = now;
    tell({ kind: 'counters', counters });
  }, reportEveryMs);
  tell({ kind: 'ready', adminPort: (admin.address() as AddressInfo).port });
}

interface Parts {
  readonly answers: GatewayAnswers;
  readonly listeners: GatewayListeners;
  readonly calls: MeshCalls;
}

async function carryOut(message: ToGateway, { answers, listeners, calls }: Parts): Promise<void> {
  switch (message.kind) {
    case 'set':
      return answers.set(message.knobs);
    case 'listen':
      return listeners.listen(message.pairs);
    case 'call':
      return calls.set(message.hosts);
    default:
      message satisfies never;
  }
}

function tell(message: FromGateway): void {
  if (process.connected) process.send?.(message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Whoever started this gateway is gone: an orphan would keep the addresses of the next sandbox.
process.on('disconnect', () => process.exit(0));
// A terminal sends its interrupt to the whole group; the parent decides in what order things end.
process.on('SIGINT', () => undefined);

main(JSON.parse(process.argv[2] ?? '{}') as GatewayStart).catch((error: unknown) => {
  process.stderr.write(`gateway: ${messageOf(error)}\n`);
  process.exit(1);
});
