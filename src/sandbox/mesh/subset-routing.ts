/** A Service by its place; written `default/reviews`. */
export interface Host {
  readonly namespace: string;
  readonly name: string;
}

/** One call inside the mesh; header names in lower case. */
export interface MeshCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** All of it holds, or the condition does not match. */
export interface Condition {
  readonly uri: { readonly kind: 'exact' | 'prefix'; readonly text: string } | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Where a call may go. */
export interface Choice {
  /** Null for pods that no subset has, and for another host. */
  readonly subset: string | null;
  readonly weight: number;
  /** No endpoint is there for it: the caller's sidecar answers 503 itself. */
  readonly isDead: boolean;
}

export interface Route {
  /** One of them must hold; with none every call matches. */
  readonly match: readonly Condition[];
  readonly choices: readonly Choice[];
}

/** Everything a caller's sidecar has to know of one host. Plain data: it is sent to the programs that make calls. */
export interface HostRouting {
  /** Names of its subsets, in the order of the DestinationRule. */
  readonly subsets: readonly string[];
  /** The first that matches has the call; where none does, the sidecar answers 404 itself. */
  readonly routes: readonly Route[];
}

/** Where one call goes. @param chance in [0, 1), new for each call; @returns null where no route matches */
export function pick({ routes }: HostRouting, call: MeshCall, chance: number): Choice | null {
  const route = routes.find(({ match }) => match.length === 0 || match.some((condition) => holds(condition, call)));
  if (route === undefined) return null;
  let left = chance * route.choices.reduce((sum, { weight }) => sum + weight, 0);
  for (const choice of route.choices) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return null;
}

function holds({ uri, headers }: Condition, call: MeshCall): boolean {
  const isUri = uri === null || (uri.kind === 'exact' ? call.path === uri.text : call.path.startsWith(uri.text));
  return isUri && headers.every(([name, value]) => call.headers[name] === value);
}
