/** A message catalogue: texts by nested keys. */
export interface Texts {
  readonly [key: string]: string | Texts
}

/** `over` laid on `base`; neither is changed. */
export function mergeTexts(base: Texts, over: Texts): Texts {
  const merged: Record<string, string | Texts> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    merged[key] = typeof value === 'object' && typeof below === 'object' ? mergeTexts(below, value) : value
  }
  return merged
}
