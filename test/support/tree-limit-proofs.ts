const nodes = (title: string, file = 'node-service') => ({ file: `test/domain/nodes/${file}.test.ts`, title });

/** Where the limits of roles and of the organisation tree are shown to hold. */
export const TREE_PROOFS = {
  rolesOfHolder: { file: 'test/domain/access/holders.test.ts' },
  permissionChars: { file: 'test/domain/access/catalogue.test.ts' },
  nodeDepth: nodes('makes the tree no deeper than it may be'),
  nodeChildren: nodes('finds room among its siblings'),
  nodeTree: nodes('as the outermost part of a tree that is too large'),
  nodeRemovals: nodes('takes no more at once than there may be'),
  nodeKeyChars: nodes('has a name that an index can take', 'node'),
  membershipsOfUser: nodes('in as many as may be but one', 'node-races'),
};
