/** An expression that is exactly this text. */
export function quoted(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

const ESCAPED = /\\(.)/gs;
const PUNCTUATION = /[!-/:-@[-`{-~]/;

/**
 * Whether an expression of RE2 is the whole of the text, as the proxy has it. Undefined for one that only RE2 can read:
 * in Unicode mode nothing of what the two languages have under one sign passes.
 */
export function matchesWhole(expression: string, text: string): boolean | undefined {
  // RE2 lets any punctuation be escaped, Unicode mode does not.
  const readable = expression.replaceAll(ESCAPED, (pair, sign: string) =>
    PUNCTUATION.test(sign) ? `\\x${sign.charCodeAt(0).toString(16)}` : pair,
  );
  try {
    return new RegExp(`^(?:${readable})$`, 'u').test(text);
  } catch {
    return undefined;
  }
}
