import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The folder of one sandbox: kubeconfigs that only we may read, and the data of the embedded store. */
export interface Workspace {
  readonly data: string;
  /** Writes a kubeconfig with mode 0600; resolves with its path. */
  kubeconfig(name: string, text: string): Promise<string>;
  remove(): Promise<void>;
}

export async function openWorkspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sandbox-'));
  const data = join(folder, 'store');
  await mkdir(data);
  return {
    data,
    kubeconfig: async (name, text) => {
      const path = join(folder, `${name}.kubeconfig`);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}
