/** Weft's entry in another CNI's list. */
const ENTRY = { type: 'weft' };

interface Conflist {
  readonly plugins: readonly unknown[];
}

/** The list with Weft as its last plugin; undefined when it is that already. @throws Error when it is no list of plugins. */
export function withWeft(text: string): string | undefined {
  const list = parseConflist(text);
  if (list.plugins.findIndex(isWeft) === list.plugins.length - 1) return undefined;
  return render({ ...list, plugins: [...list.plugins.filter((plugin) => !isWeft(plugin)), ENTRY] });
}

/** The list without Weft; undefined when it is not in it. @throws as `withWeft`. */
export function withoutWeft(text: string): string | undefined {
  const list = parseConflist(text);
  const plugins = list.plugins.filter((plugin) => !isWeft(plugin));
  return plugins.length === list.plugins.length ? undefined : render({ ...list, plugins });
}

function parseConflist(text: string): Conflist {
  const list: unknown = JSON.parse(text);
  if (typeof list !== 'object' || list === null) throw new Error('it must be a JSON object');
  const { plugins } = list as Readonly<Record<string, unknown>>;
  if (!Array.isArray(plugins) || plugins.length === 0) throw new Error('it must have a list of plugins');
  return { ...list, plugins };
}

function isWeft(plugin: unknown): boolean {
  return typeof plugin === 'object' && plugin !== null && 'type' in plugin && plugin.type === ENTRY.type;
}

function render(list: Conflist): string {
  return `${JSON.stringify(list, null, 2)}\n`;
}
