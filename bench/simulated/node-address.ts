/** Where the simulated node's agent listens: a loopback address of its own. */
export function nodeAddress(node: number): string {
  return `127.30.${Math.floor(node / 250)}.${(node % 250) + 1}`;
}
