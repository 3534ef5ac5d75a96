import { customerNetwork } from './customer-network.ts'

/** Counts who is inside by address, so that one address cannot take all the room there is. Of IPv6 a /64 network counts as one. */
export function createCrowd(atOnce: number) {
  const inside = new Map<string, number>()
  return {
    /** The way out for one more of an address; `undefined`: so many of it are inside already. */
    enter(address: string): (() => void) | undefined {
      const key = customerNetwork(address)
      const count = inside.get(key) ?? 0
      if (count >= atOnce) return undefined
      inside.set(key, count + 1)
      let left = false
      return () => {
        if (left) return
        left = true
        const now = (inside.get(key) ?? 1) - 1
        if (now === 0) inside.delete(key)
        else inside.set(key, now)
      }
    },
  }
}
