import { spawn } from 'node:child_process';

/** Ends processes of ours that would outlive us: a frozen one cannot see that its parent is gone. */
export interface OrphanGuard {
  watch(pid: number): void;
  forget(pid: number): void;
  /** Ends the guard itself; what it still watches is killed with it. */
  stop(): Promise<void>;
}

// Reads "+pid" and "-pid" lines; at the end of its input, which comes when we die in whatever way, it kills the rest.
const script = `
trap '' INT TERM HUP
pids=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
`;

/** Starts the guard: one small shell that waits on a pipe from this process. */
export function startOrphanGuard(): OrphanGuard {
  const shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'] });
  const gone = new Promise<void>((resolve) => {
    shell.once('close', () => resolve());
    shell.once('error', () => resolve());
  });
  // A write after its end has nobody to reach; what it watched was killed by then.
  shell.stdin.on('error', () => undefined);
  const tell = (line: string): void => {
    if (shell.stdin.writable) shell.stdin.write(`${line}\n`);
  };
  return {
    watch: (pid) => tell(`+${pid}`),
    forget: (pid) => tell(`-${pid}`),
    stop: async () => {
      shell.stdin.end();
      await gone;
    },
  };
}
