import { setTimeout as wait } from 'node:timers/promises';
import { type ApiClient, CannotReachError, RefusedError } from '../client.ts';

/** Wall time. */
const patienceMs = 20_000;
const againMs = 200;

/** Both methods throw CannotReachError once the patience is over, RefusedError at once. */
export interface PatientApi {
  get<T>(path: string): Promise<T>;
  /** A command that was answered too late and turns out to be done already is done. */
  send(path: string, body: unknown): Promise<void>;
}

/** The API where time runs faster and the machine may be busy: an invocation that ran out of time is asked again. */
export function patientApi(api: ApiClient, forMs = patienceMs): PatientApi {
  const insist = async <T>(ask: (isRepeated: boolean) => Promise<T>): Promise<T> => {
    const endMs = Date.now() + forMs;
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask(tries > 0);
      } catch (error) {
        if (!(error instanceof CannotReachError) || Date.now() > endMs) throw error;
        await wait(againMs);
      }
    }
  };
  return {
    get: <T>(path: string) => insist(() => api.get<T>(path)),
    send: (path, body) =>
      insist(async (isRepeated) => {
        try {
          await api.post(path, body);
        } catch (error) {
          if (!(isRepeated && error instanceof RefusedError && error.status === 409)) throw error;
        }
      }),
  };
}
