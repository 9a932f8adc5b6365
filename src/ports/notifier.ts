import type { Notice } from '../domain/notice.ts';

/** Brings notices to people. */
export interface Notifier {
  /**
   * Posts one notice to one channel. The notice's id stays the same over all retries.
   * @throws TransientError to be tried again (with retryAfterMs where the channel said when), TerminalError to give up
   */
  post(channel: string, notice: Notice): Promise<void>;
}
