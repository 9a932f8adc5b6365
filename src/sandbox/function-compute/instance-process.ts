// One instance of Function Compute: a process that loads one function and runs one request at a time for its parent.
import { contextObject, functionError, type Handler, loadHandler, resultBytes } from './handler.ts';
import type { FromInstance, ToInstance } from './instance-messages.ts';

const [file = '', handlerName = ''] = process.argv.slice(2);
let handler: Handler | null = null;

function reply(message: FromInstance): void {
  process.send?.(message);
}

async function act(message: ToInstance): Promise<unknown> {
  const context = contextObject(message.context, (line) => process.stdout.write(`${line}\n`));
  if (message.kind === 'start') {
    handler = loadHandler(file, handlerName);
    await handler.initialize?.(context);
    return undefined;
  }
  if (message.kind === 'stop') return handler?.preStop?.(context);
  return handler?.handle(Buffer.from(message.event), context);
}

async function serve(message: ToInstance): Promise<void> {
  const memoryMb = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
  try {
    const value = await act(message);
    reply({ kind: 'done', number: message.number, body: resultBytes(value), memoryMb: memoryMb() });
  } catch (error) {
    reply({ kind: 'failed', number: message.number, error: functionError(error), memoryMb: memoryMb() });
  }
}

process.on('message', (message: ToInstance) => {
  void serve(message);
});
// Without a parent nobody can ask for anything any more.
process.on('disconnect', () => process.exit(0));
