import { expect } from 'chai';
import { parseBlueprint, printBlueprint } from '../../../src/cli/blueprint-file.ts';
import type { Blueprint, Mistake, TenantBlueprint } from '../../../src/domain/blueprint/blueprint.ts';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import type { NodeTree } from '../../../src/domain/nodes/node-service.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { blueprint, callIn, file, whole } from '../../support/blueprints.ts';
import { inEmptyDatabase } from '../../support/empty-database.ts';
import { expectFailure } from '../../support/expect.ts';
import { memberships, nodes } from '../../support/nodes.ts';
import { aSlug, operator, rooms } from '../../support/rooms.ts';

const apply = (...tenants: TenantBlueprint[]) => blueprint().apply(operator(), file(...tenants));
const mistakesOf = async (document: Blueprint): Promise<string[]> => {
  const { mistakes } = await expectFailure('blueprint_invalid', blueprint().apply(operator(), document));
  return (mistakes as Mistake[]).map(({ path, message }) => `${path}: ${message}`);
};
const shown = ({ name, status, children }: NodeTree): unknown => [
  status === 'active' ? name : `${name} (${status})`,
  ...children.map(shown),
];

describe('an organisation tree as code', () => {
  it('is made as it is declared, with who belongs to it', async () => {
    const declared = whole();
    await apply(declared);
    const call = await callIn(declared.slug);
    const { tree } = await nodes().tree(call);
    expect(shown(tree)).to.deep.equal(['Acme', ['North', ['Ward 1 (archived)'], ['Ward 2']]]);
    expect(tree.children[0]).to.deep.include({ legalName: 'North Clinic Ltd.', country: 'GB' });
    const ann = await rooms().users.findByIdentifier(call, `ann@${declared.slug}.example`);
    expect((await memberships().placesOf(call, ann!.id)).map(({ node, roles }) => [node.name, roles])).to.deep.equal([
      ['Acme', ['AUDITOR']],
      ['North', ['AUDITOR', 'nurse']],
    ]);
  });

  it('brings the permissions and the roles of machines along', async () => {
    const declared = whole();
    await apply(declared);
    const call = await callIn(declared.slug);
    const { items } = await rooms().access.listPermissions(call, { search: 'ward.' });
    expect(items.map(({ name, description }) => [name, description])).to.deep.equal([
      ['ward.beds:read', null],
      ['ward.beds:write', 'Move beds.'],
    ]);
    expect((await rooms().access.accessOfClient(call, 'robot')).roles).to.deep.equal(['AUDITOR', 'nurse']);
    expect((await rooms().access.list(call, { category: 'care' })).total).to.equal(1);
  });

  it('changes what differs, adds what is new, and leaves alone what is not named', async () => {
    const declared = whole();
    await apply(declared);
    const call = await callIn(declared.slug);
    const ann = `ann@${declared.slug}.example`;
    const done = await apply({
      slug: declared.slug,
      permissions: [{ name: 'ward.beds:read', description: 'See beds.' }],
      nodes: [
        {
          name: 'NORTH',
          type: 'organization',
          members: [{ user: ann, roles: [] }],
          nodes: [{ name: 'Ward 3', type: 'team', members: [{ user: ann, roles: ['nurse'] }] }],
        },
        { name: 'South', type: 'facility' },
      ],
      clients: [{ clientId: 'robot', kind: 'service', roles: [] }],
    });
    expect(done.map(({ action, kind, name, fields }) => [action, kind, name, fields])).to.deep.equal([
      ['change', 'permission', 'ward.beds:read', ['description']],
      ['change', 'node', 'NORTH', ['name']],
      ['create', 'node', 'South', undefined],
      ['create', 'node', 'NORTH / Ward 3', undefined],
      ['change', 'member', `NORTH: ${ann}`, ['roles']],
      ['create', 'member', `NORTH / Ward 3: ${ann}`, undefined],
      ['change', 'client', 'robot', ['roles']],
    ]);
    const { tree } = await nodes().tree(call);
    expect(shown(tree)).to.deep.equal(['Acme', ['NORTH', ['Ward 1 (archived)'], ['Ward 2'], ['Ward 3']], ['South']]);
    expect(tree.children[0]).to.include({ country: 'GB' });
    expect((await rooms().access.accessOfClient(call, 'robot')).roles).to.deep.equal([]);
  });

  it('keeps its ids, and comes out of an export as it went in', async () => {
    const declared = whole();
    await apply(declared);
    const [slugs, call] = [[declared.slug], await callIn(declared.slug)];
    const exported = printBlueprint(await blueprint().exportAll(operator(), { slugs }));
    const [north] = (await nodes().tree(call)).tree.children;
    expect(exported).to.include(`id: ${north!.id}`);
    expect(await blueprint().apply(operator(), parseBlueprint(exported))).to.deep.equal([]);
    await inEmptyDatabase(async (db) => {
      const there = { ...operator(new Date('2026-08-01')), db };
      await blueprint().apply(there, parseBlueprint(exported));
      expect(printBlueprint(await blueprint().exportAll(there))).to.equal(exported);
      const { id } = (await rooms().tenants.findBySlug(there, declared.slug))!;
      const moved = await nodes().get({ ...there, tenantId: id }, north!.id);
      expect(moved.parentId).to.equal(rootOf(id));
    });
  });

  it('names every mistake with its place', async () => {
    const slug = aSlug();
    const deep = (levels: number): NonNullable<TenantBlueprint['nodes']> =>
      levels === 0 ? [] : [{ name: 'Deep', type: 'team', nodes: deep(levels - 1) }];
    const mistakes = await mistakesOf(
      file({
        slug,
        permissions: [{ name: 'iam.users:read' }, { name: 'Ward' }],
        users: [{ email: 'ann@x.example' }],
        nodes: [
          { name: 'A', type: 'team', nodes: [{ name: 'B', type: 'facility' }] },
          { name: 'a', type: 'team' },
          { name: 'C', type: 'team', country: 'XX', id: 'none' },
          {
            name: 'D',
            type: 'team',
            members: [{ user: 'bob@x.example' }, { user: 'ann@x.example', roles: ['nurse'] }],
          },
          ...deep(LIMITS.nodeDepth + 1),
        ],
        members: [{ user: 'ann@x.example' }, { user: 'ANN@x.example' }, { user: 'nobody' }],
        clients: [
          { clientId: 'robot', kind: 'service', roles: ['nurse'] },
          { clientId: 'spa', kind: 'spa', redirectUris: ['https://a.example/'], roles: ['AUDITOR'] },
        ],
      }),
    );
    const at = `tenants[0]`;
    expect(mistakes.map((one) => one.slice(0, one.indexOf(': ')))).to.have.members([
      `${at}.permissions[0]`,
      `${at}.permissions[1].name`,
      `${at}.nodes[0].nodes[0].type`,
      `${at}.nodes[1]`,
      `${at}.nodes[2].country`,
      `${at}.nodes[3].members[0].user`,
      `${at}.nodes[3].members[1].roles`,
      `${at}.nodes[4]${'.nodes[0]'.repeat(LIMITS.nodeDepth)}`,
      `${at}.members[1]`,
      `${at}.members[2].user`,
      `${at}.clients[0].roles`,
      `${at}.clients[1].roles`,
    ]);
  });

  it('does not turn a node into one of another type, nor make anybody an operator at a node', async () => {
    const declared = whole();
    await apply(declared);
    const ann = `ann@${declared.slug}.example`;
    const mistakes = await mistakesOf(
      file({
        slug: declared.slug,
        nodes: [{ name: 'North', type: 'facility' }],
        members: [{ user: ann, roles: ['SUPER_ADMIN'] }],
        clients: [
          { clientId: 'spa', kind: 'spa', redirectUris: ['https://spa.example/cb'], roles: ['AUDITOR'] },
          { clientId: 'robot', kind: 'service', roles: ['SUPER_ADMIN'] },
        ],
      }),
    );
    expect(mistakes.map((one) => one.split(': ')[0])).to.deep.equal([
      'tenants[0].nodes[0].type',
      'tenants[0].members[0].roles',
      'tenants[0].clients[0].roles',
      'tenants[0].clients[1].roles',
    ]);
  });

  it('takes no id that another node of the tenant has', async () => {
    const [slug, id] = [aSlug(), newId()];
    await apply({ slug, nodes: [{ name: 'A', type: 'team', id }] });
    await expectFailure('conflict', apply({ slug, nodes: [{ name: 'B', type: 'team', id }] }));
  });
});
