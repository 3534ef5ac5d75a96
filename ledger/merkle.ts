import { hash } from 'node:crypto'

/** Merkle trees and their proofs, as RFC 9162 §2.1 has them (and RFC 6962 before it): SHA-256, a leaf hashed behind 0x00, a node behind 0x01. Hashes are hex. */

const leafMark = Buffer.from([0])

/** Root of a tree without leaves. */
export const emptyRoot = hash('sha256', '', 'hex')

export function hashLeaf(data: string | Uint8Array): string {
  return hash('sha256', Buffer.concat([leafMark, typeof data === 'string' ? Buffer.from(data, 'utf8') : data]), 'hex')
}

function hashNode(left: string, right: string): string {
  return hash('sha256', Buffer.from(`01${left}${right}`, 'hex'), 'hex')
}

/** The largest power of two below `size`; `size` is at least 2. */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

/** MTH of §2.1.1: of hashes of leaves. */
export function merkleRoot(leaves: readonly string[], start = 0, end = leaves.length): string {
  if (start === end) return emptyRoot
  if (end - start === 1) return leaves[start] as string
  const split = start + splitOf(end - start)
  return hashNode(merkleRoot(leaves, start, split), merkleRoot(leaves, split, end))
}

/** PATH of §2.1.3.1: what is needed beside the leaf at `index` (from 0) to come to the root, from the leaf upwards. */
export function inclusionPath(leaves: readonly string[], index: number): readonly string[] {
  const path: string[] = []
  let start = 0
  let end = leaves.length
  while (end - start > 1) {
    const split = start + splitOf(end - start)
    if (index < split) {
      path.push(merkleRoot(leaves, split, end))
      end = split
    } else {
      path.push(merkleRoot(leaves, start, split))
      start = split
    }
  }
  return path.reverse()
}

/** §2.1.3.2: whether the leaf stands at `index` of the tree of `size` leaves with this root. */
export function isIncluded({ leaf, index, size, path, root }: { readonly leaf: string; readonly index: number; readonly size: number; readonly path: readonly string[]; readonly root: string }): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size || !path.every(isHash) || !isHash(leaf)) return false
  let node = index
  let last = size - 1
  let reached = leaf
  for (const beside of path) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      reached = hashNode(beside, reached)
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2)
        last = Math.floor(last / 2)
      }
    } else {
      reached = hashNode(reached, beside)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && reached === root
}

/** PROOF of §2.1.4.1: that the tree of all `leaves` begins with its first `size` ones. Empty for 0 and for all. */
export function consistencyPath(leaves: readonly string[], size: number): readonly string[] {
  if (size === 0 || size >= leaves.length) return []
  const path: string[] = []
  let start = 0
  let end = leaves.length
  let left = size
  let whole = true
  while (left !== end - start) {
    const split = splitOf(end - start)
    if (left <= split) {
      path.push(merkleRoot(leaves, start + split, end))
      end = start + split
    } else {
      path.push(merkleRoot(leaves, start, start + split))
      start += split
      left -= split
      whole = false
    }
  }
  if (!whole) path.push(merkleRoot(leaves, start, end))
  return path.reverse()
}

/** §2.1.4.2: whether the tree with root `to` of `toSize` leaves begins with the one of `fromSize` leaves with root `from`. */
export function isConsistent({ from, fromSize, to, toSize, path }: { readonly from: string; readonly fromSize: number; readonly to: string; readonly toSize: number; readonly path: readonly string[] }): boolean {
  if (!isIndex(fromSize) || !isIndex(toSize) || fromSize > toSize || !path.every(isHash)) return false
  if (fromSize === toSize) return path.length === 0 && from === to
  if (fromSize === 0) return path.length === 0 && from === emptyRoot
  // A whole power of two is a node of the larger tree itself.
  const rest = Number.isInteger(Math.log2(fromSize)) ? [from, ...path] : [...path]
  let node = fromSize - 1
  let last = toSize - 1
  while (node % 2 === 1) {
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  const first = rest.shift()
  if (first === undefined) return false
  let small = first
  let large = first
  for (const beside of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      small = hashNode(beside, small)
      large = hashNode(beside, large)
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2)
        last = Math.floor(last / 2)
      }
    } else {
      large = hashNode(large, beside)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && small === from && large === to
}

const isHash = (text: unknown) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)
const isIndex = (value: number) => Number.isSafeInteger(value) && value >= 0

/** A tree that grows by one leaf at a time and knows its root at any size; holds as many hashes as the tree is high. */
export function createGrowingTree(): { add(leaf: string): void; root(): string; readonly size: number } {
  /** Roots of the whole subtrees so far, the largest first; their sizes are the binary digits of `size`. */
  const whole: string[] = []
  let size = 0
  return {
    add(leaf) {
      let subtree = leaf
      for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) subtree = hashNode(whole.pop() as string, subtree)
      whole.push(subtree)
      size++
    },
    root: () => (whole.length === 0 ? emptyRoot : whole.reduceRight((right, left) => hashNode(left, right))),
    get size() {
      return size
    },
  }
}
