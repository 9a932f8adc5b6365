import { beforeEach, describe, expect, it } from 'vitest';
import { type FunctionConfig, functionSpecs } from '../../../src/sandbox/function-compute/function-spec.ts';
import type { Decision, Outcome } from '../../../src/sandbox/function-compute/invocation.ts';
import { FunctionComputeModel } from '../../../src/sandbox/function-compute/model.ts';

const event = Buffer.from('{}');
const ok: Outcome = { kind: 'ok', body: event };
const thrown: Outcome = {
  kind: 'failed',
  errorType: 'UnhandledInvocationError',
  error: { errorMessage: 'boom' },
  isGone: false,
};
const crashed: Outcome = { ...thrown, isGone: true };

let ids: number;
let model: FunctionComputeModel;

function create(config: Partial<FunctionConfig> = {}, instancesOfFunctionMax = 10): void {
  ids = 0;
  const specs = functionSpecs({ step: { file: '/f/step.js', ...config } });
  model = new FunctionComputeModel(specs, 0, { newId: () => `id${++ids}`, instancesOfFunctionMax, idleMs: 240_000 });
}

beforeEach(() => create());

function invokeSync(nowMs: number): Extract<Decision, { kind: 'run' }> {
  const answer = model.invokeSync('step', event, nowMs);
  const run = 'status' in answer ? undefined : answer.decisions[0];
  if (run?.kind !== 'run') throw new Error(`no run but ${JSON.stringify(answer)}`);
  return run;
}

const runs = (decisions: readonly Decision[]) => decisions.filter((decision) => decision.kind === 'run');
const kinds = (decisions: readonly Decision[]) => decisions.map(({ kind }) => kind);

describe('instances', () => {
  it('run one request at a time: a second request at once gets a second instance', () => {
    const [first, second] = [invokeSync(0), invokeSync(0)];
    expect(second.instanceId).not.toBe(first.instanceId);
    expect([first.isCold, second.isCold]).toEqual([true, true]);
  });

  it('are frozen after a request, answer it, and serve the next one warm', () => {
    const first = invokeSync(0);
    model.began(first.instanceId, 10);
    expect(kinds(model.finished(first.instanceId, ok, 20))).toEqual(['freeze', 'answer']);
    expect(invokeSync(30)).toMatchObject({ instanceId: first.instanceId, isCold: false });
  });

  it('refuse a caller with 429 when all of them are busy', () => {
    create({}, 2);
    invokeSync(0);
    invokeSync(0);
    expect(model.invokeSync('step', event, 0)).toMatchObject({ status: 429, code: 'ResourceExhausted' });
  });

  it('are timed from the start of the handler and stopped at the timeout', () => {
    create({ timeoutS: 3 });
    const { instanceId } = invokeSync(0);
    expect(model.nextDueMs()).toBeNull();
    model.began(instanceId, 5000);
    expect(model.nextDueMs()).toBe(8000);
    expect(model.advance(7999)).toEqual([]);
    expect(model.advance(8000)).toMatchObject([{ kind: 'timeout', instanceId }]);
    expect(model.advance(9000)).toEqual([]);
  });

  it('are destroyed when nobody used them for long, the coldest first', () => {
    const [first, second] = [invokeSync(0), invokeSync(0)];
    model.finished(first.instanceId, ok, 1000);
    model.finished(second.instanceId, ok, 2000);
    expect(model.advance(241_000)).toEqual([{ kind: 'destroy', instanceId: first.instanceId }]);
    expect(invokeSync(241_000).instanceId).toBe(second.instanceId);
  });

  it('are gone with a crash, and a second report of the same end changes nothing', () => {
    const { instanceId } = invokeSync(0);
    expect(kinds(model.finished(instanceId, crashed, 10))).toEqual(['answer']);
    expect(model.finished(instanceId, crashed, 11)).toEqual([]);
    expect(invokeSync(20).isCold).toBe(true);
  });
});

describe('asynchronous events', () => {
  function fail(decisions: readonly Decision[], outcome: Outcome, nowMs: number): readonly Decision[] {
    const [run] = runs(decisions);
    if (run?.kind !== 'run') throw new Error('nothing runs');
    return model.finished(run.instanceId, outcome, nowMs);
  }

  it('wait for their delay', () => {
    expect(model.invokeAsync('step', event, { delayS: 60 }, 0)).toMatchObject({ decisions: [] });
    expect(model.nextDueMs()).toBe(60_000);
    expect(model.advance(59_999)).toEqual([]);
    expect(kinds(model.advance(60_000))).toEqual(['run']);
  });

  it('are tried again after 1, 2 and 4 seconds under the same request id, then given up', () => {
    const accepted = model.invokeAsync('step', event, {}, 0);
    if ('status' in accepted) throw new Error('refused');
    let decisions = accepted.decisions;
    let nowMs = 0;
    for (const [attempt, waitMs] of [1000, 2000, 4000].entries()) {
      fail(decisions, attempt === 1 ? crashed : thrown, nowMs);
      expect(model.advance(nowMs + waitMs - 1)).toEqual([]);
      nowMs += waitMs;
      decisions = model.advance(nowMs);
      expect(runs(decisions)).toMatchObject([{ invocation: { requestId: accepted.requestId, attempt: attempt + 2 } }]);
    }
    expect(fail(decisions, thrown, nowMs)).toMatchObject([
      { kind: 'freeze' },
      { kind: 'discard', why: 'failed 4 times: boom' },
    ]);
  });

  it('are not tried again when the function is configured so', () => {
    create({ async: { maxRetries: 0 } });
    const accepted = model.invokeAsync('step', event, {}, 0);
    if ('status' in accepted) throw new Error('refused');
    expect(kinds(fail(accepted.decisions, thrown, 5))).toEqual(['freeze', 'discard']);
  });

  it('that find no instance wait 0.5 s, then 1 s, and run when there is one', () => {
    create({}, 1);
    const busy = invokeSync(0);
    model.invokeAsync('step', event, {}, 0);
    expect(model.nextDueMs()).toBe(500);
    expect(runs(model.advance(500))).toEqual([]);
    expect(model.nextDueMs()).toBe(1500);
    model.finished(busy.instanceId, ok, 600);
    expect(runs(model.advance(1500))).toHaveLength(1);
  });

  it('are dropped when they are older than their maximum age', () => {
    create({ async: { maxEventAgeS: 10 } });
    model.invokeAsync('step', event, { delayS: 11 }, 0);
    expect(kinds(model.advance(11_000))).toEqual(['discard']);
  });

  it('run twice, late or never when a fault has it', () => {
    const twice = model.invokeAsync('step', event, { injection: { times: 2, lateMs: 0 } }, 0);
    expect('decisions' in twice && runs(twice.decisions)).toHaveLength(2);
    model.invokeAsync('step', event, { injection: { times: 1, lateMs: 5000 } }, 0);
    expect(model.nextDueMs()).toBe(5000);
    expect(runs(model.advance(5000))).toHaveLength(1);
    expect(model.invokeAsync('step', event, { injection: { times: 0, lateMs: 0 } }, 0)).toMatchObject({
      decisions: [],
    });
    expect(model.nextDueMs()).toBeNull();
  });

  it('with a task id are taken once, for seven days', () => {
    create({ async: { task: true } });
    const again = (nowMs: number) => model.invokeAsync('step', event, { taskId: 'mig_1' }, nowMs);
    expect(again(0)).not.toHaveProperty('status');
    expect(again(7 * 86_400_000 - 1)).toMatchObject({ status: 409 });
    expect(again(7 * 86_400_000)).not.toHaveProperty('status');
    expect(model.invokeAsync('step', event, { taskId: '1st' }, 0)).toMatchObject({
      status: 400,
      code: 'InvalidArgument',
    });
  });

  it('are refused when ten thousand wait, without using up the task id', () => {
    create({ async: { task: true } });
    for (let count = 0; count < 10_000; count += 1) model.invokeAsync('step', event, { delayS: 60 }, 0);
    expect(model.invokeAsync('step', event, { taskId: 'a', delayS: 60 }, 0)).toMatchObject({ status: 429 });
    model.advance(60_000);
    expect(model.invokeAsync('step', event, { taskId: 'a', delayS: 60 }, 60_000)).toHaveProperty('requestId');
  });
});

describe('timer triggers', () => {
  it('invoke asynchronously with the time, the name and the payload of the trigger', () => {
    create({ trigger: { timer: '@every 1m', name: 'tick', payload: '{"a":1}' } });
    expect(model.nextDueMs()).toBe(60_000);
    const [run] = runs(model.advance(60_000));
    const body = run?.kind === 'run' ? JSON.parse(Buffer.from(run.invocation.event).toString()) : null;
    expect(body).toEqual({ triggerTime: '1970-01-01T00:01:00Z', triggerName: 'tick', payload: '{"a":1}' });
  });

  it('fire once after a long sleep and keep their rhythm', () => {
    create({ trigger: { timer: '@every 1m' } });
    expect(runs(model.advance(330_000))).toHaveLength(1);
    expect(model.nextDueMs()).toBe(360_000);
  });

  it('fire twice or late when a fault has it, and retry like any event', () => {
    create({ trigger: { timer: '@every 1m' } });
    expect(runs(model.advance(60_000, () => ({ times: 2, lateMs: 0 })))).toHaveLength(2);
    expect(model.advance(120_000, () => ({ times: 1, lateMs: 3000 }))).toEqual([]);
    const [late] = runs(model.advance(123_000));
    if (late?.kind !== 'run') throw new Error('nothing runs');
    model.finished(late.instanceId, thrown, 123_100);
    expect(runs(model.advance(124_100))).toHaveLength(1);
  });
});

describe('a deployment', () => {
  it('is refused with every mistake at once', () => {
    const create = () =>
      functionSpecs({
        '1st': { file: 'a', timeoutS: 90_000, memoryMb: 64 },
        big: { file: 'a', env: { A: 'x'.repeat(4096), FC_OWN: '1', 'b-c': '' }, async: { maxRetries: 9 } },
        late: { file: 'a', trigger: { timer: '@every 30s' } },
      });
    expect(create).toThrow(
      [
        'the functions cannot be created:',
        '1st: not a function name (1 to 64 of A-Z a-z 0-9 _ -)',
        '1st: timeoutS 90000 is not a whole number 1..86400',
        '1st: memoryMb 64 is not a whole number 128..32768',
        'big: async.maxRetries 9 is not a whole number 0..8',
        'big: environment key "FC_OWN": the prefix FC_ is reserved',
        'big: environment key "b-c" is not [A-Za-z][A-Za-z0-9_]*',
        'big: environment of 4107 bytes exceeds the limit of 4096',
        'late: timer "@every 30s" is neither "@every <n>m" nor six cron fields',
      ].join('\n  '),
    );
  });
});
