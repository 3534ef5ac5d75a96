/**
 * Remembers what was made of an object for as long as the object lives. For what is made of values that never change, such as
 * documents of flows: what stays the same object is looked through once.
 * @returns `make`, which makes each only once
 */
export function perObject<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const made = new WeakMap<K, { readonly value: V }>()
  return (of) => {
    let found = made.get(of)
    if (!found) made.set(of, (found = { value: make(of) }))
    return found.value
  }
}
