# The document that sbom.sh writes. Its arguments are lines of fields with tabs between them.
def lines: split("\n") | map(select(. != "") | split("\t"));
def id: "SPDXRef-" + gsub("[^A-Za-z0-9.]"; "-");
def package($id; $license): {
  SPDXID: $id, downloadLocation: "NOASSERTION", filesAnalyzed: false,
  licenseDeclared: $license, licenseConcluded: "NOASSERTION", copyrightText: "NOASSERTION"
};
def related($from; $type): map({spdxElementId: $from, relationshipType: $type, relatedSpdxElement: .SPDXID});

[ $packages | lines[] | . as [$name, $version, $architecture, $source]
  | package("Debian-" + $name | id; "NOASSERTION") + {
      name: $name, versionInfo: $version, supplier: "Organization: Debian",
      sourceInfo: "built from the source package \($source); its licences are in /usr/share/doc/\($name)/copyright",
      externalRefs: [{
        referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
        referenceLocator: "pkg:deb/debian/\($name | @uri)@\($version | @uri)?arch=\($architecture)&distro=bookworm"
      }]
    } ] as $libraries
| [ $models | lines[] | . as [$version, $fingerprint]
  | package("Model-" + $version | id; "NOASSERTION") + {
      name: "user_model", versionInfo: $version,
      comment: "bundle \($fingerprint); whose data it is trained on says how it may be used"
    } ] as $versions
| (package("SPDXRef-Image"; "NOASSERTION") + {name: $image, versionInfo: $version, primaryPackagePurpose: "CONTAINER"}) as $whole
| (package("SPDXRef-Program"; "Apache-2.0")
    + {name: "tandem", versionInfo: $version, primaryPackagePurpose: "APPLICATION"}) as $program
| {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "\($image) \($version)",
    documentNamespace: "https://spdx.org/spdxdocs/\($image)-\($version)-\($hash)",
    creationInfo: {created: ($time | todate), creators: ["Tool: tandem-deploy-docker-sbom"]},
    packages: ([$whole, $program] + $libraries + $versions),
    relationships: (([$whole] | related("SPDXRef-DOCUMENT"; "DESCRIBES"))
      + ([$program] + $libraries + $versions | related("SPDXRef-Image"; "CONTAINS"))
      + ($libraries | related("SPDXRef-Program"; "DYNAMIC_LINK")))
  }
