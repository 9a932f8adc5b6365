import { describe, expect, it } from 'vitest';
import { type ApiClient, CannotReachError, RefusedError } from '../../src/cli/client.ts';
import { patientApi } from '../../src/cli/demo/patience.ts';

const late = new CannotReachError('answered 502');

function refused(status: number): RefusedError {
  return new RefusedError(status, {
    type: 'about:blank',
    title: 'no',
    status,
    detail: 'no',
    code: 'conflict',
  } as never);
}

/** An API that gives these answers one after the other; an error is thrown. */
function answering(...answers: readonly unknown[]): ApiClient & { readonly asked: () => number } {
  let asked = 0;
  const next = async <T>(): Promise<T> => {
    const answer = answers[asked];
    asked += 1;
    if (answer instanceof Error) throw answer;
    return answer as T;
  };
  return { get: next, post: next, asked: () => asked };
}

describe('a demo on a busy machine', () => {
  it('asks again what was answered too late', async () => {
    const api = answering(late, late, { state: 'completed' });
    expect(await patientApi(api).get('/v1/migrations/shop')).toEqual({ state: 'completed' });
    expect(api.asked()).toBe(3);
  });

  it('takes a command for done when it was answered too late and is refused as done at the second time', async () => {
    const api = answering(late, refused(409));
    await patientApi(api).send('/v1/migrations/shop/abort', {});
    expect(api.asked()).toBe(2);
  });

  it('takes no for an answer at the first time, and any other no at any time', async () => {
    await expect(patientApi(answering(refused(409))).send('/v1/migrations', {})).rejects.toThrow(RefusedError);
    await expect(patientApi(answering(late, refused(400))).send('/v1/migrations', {})).rejects.toThrow(RefusedError);
    await expect(patientApi(answering(refused(404))).get('/v1/migrations/shop')).rejects.toThrow(RefusedError);
  });

  it('gives up when its patience is over', async () => {
    const api = answering(late, late);
    await expect(patientApi(api, -1).get('/v1/migrations/shop')).rejects.toThrow(late);
    expect(api.asked()).toBe(1);
  });
});
