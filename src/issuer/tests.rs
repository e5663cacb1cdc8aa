use super::*;

const TEMPLATE: &str = "https://login.example/{tenant}/v2.0";

fn only(tenants: &[&str]) -> Tenants {
    Tenants::Only(Arc::new(tenants.iter().map(|it| (*it).to_owned()).collect()))
}

fn template(tenants: Tenants) -> IssuerName {
    IssuerName::template(TEMPLATE, tenants).unwrap()
}

#[test]
fn an_exact_name_accepts_itself_only() {
    let name = IssuerName::exact("https://login.example/a/v2.0");
    assert_eq!(name.accept("https://login.example/a/v2.0"), Some(AcceptedIssuer { tenant: None }));
    for other in
        ["https://login.example/a/v2.0/", "https://login.example/A/v2.0", "", "https://b.example"]
    {
        assert_eq!(name.accept(other), None, "{other}");
    }
}

#[test]
fn lists_every_issuer_that_is_accepted() {
    let exact = "https://login.example/a/v2.0";
    assert_eq!(IssuerName::exact(exact).accepted(), [exact]);
    let of_b = "https://login.example/b/v2.0";
    assert_eq!(template(only(&["b", "a"])).accepted(), [exact, of_b]);
    assert_eq!(template(Tenants::Any).accepted(), [""; 0]);
}

#[test]
fn a_template_accepts_exactly_one_segment() {
    let any = template(Tenants::Any);
    for tenant in [
        "a",
        "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f",
        "8F6F1C5E-3B0A-4C7D-9E21-5A4B3C2D1E0F",
        "contoso.onmicrosoft.com",
        "a_b~c",
        "...",
        &"x".repeat(MAX_TENANT_LENGTH),
    ] {
        let iss = format!("https://login.example/{tenant}/v2.0");
        assert_eq!(any.accept(&iss), Some(AcceptedIssuer { tenant: Some(tenant) }), "{tenant}");
    }
    for tenant in [
        "",
        "a/b",
        "/a",
        "a/",
        "a?b",
        "a#b",
        "a%62",
        "a b",
        " a",
        "a\\b",
        "a@b",
        "a:b",
        "a,b",
        "*",
        "{tenant}",
        "{tenantid}",
        "ä",
        "a\0",
        "a\n",
        ".",
        "..",
        &"x".repeat(MAX_TENANT_LENGTH + 1),
    ] {
        let iss = format!("https://login.example/{tenant}/v2.0");
        assert_eq!(any.accept(&iss), None, "{tenant:?}");
    }
    for iss in [
        "",
        TEMPLATE,
        "https://login.example/v2.0",
        "https://login.example//v2.0",
        "https://login.example/a/v2.0/",
        "https://login.example/a/v2.1",
        "https://login.example/a/v2.0#",
        "https://login.example/a",
        "http://login.example/a/v2.0",
        "HTTPS://login.example/a/v2.0",
        "https://login.example./a/v2.0",
        "https://evil.example/https://login.example/a/v2.0",
    ] {
        assert_eq!(any.accept(iss), None, "{iss}");
    }
}

#[test]
fn a_template_accepts_the_listed_tenants_as_they_are_written() {
    let listed = template(only(&["a1", "B2"]));
    for tenant in ["a1", "B2"] {
        assert!(listed.accept(&format!("https://login.example/{tenant}/v2.0")).is_some());
    }
    for (tenant, differs_in_case_only) in
        [("A1", true), ("b2", true), ("c3", false), ("a", false), ("a1B2", false)]
    {
        assert_eq!(
            listed.accept(&format!("https://login.example/{tenant}/v2.0")),
            None,
            "{tenant}"
        );
        assert_eq!(listed.differs_in_case_only(tenant), differs_in_case_only, "{tenant}");
    }
    assert_eq!(template(only(&[])).accept("https://login.example/a/v2.0"), None);
}

#[test]
fn the_placeholder_may_be_the_last_segment() {
    let name = IssuerName::template("https://login.example/t/{tenant}", Tenants::Any).unwrap();
    assert_eq!(name.accept("https://login.example/t/a").unwrap().tenant, Some("a"));
    for iss in ["https://login.example/t/", "https://login.example/t/a/", "https://login.example/t"]
    {
        assert_eq!(name.accept(iss), None, "{iss}");
    }
}

#[test]
fn a_template_has_exactly_one_placeholder() {
    for text in ["https://login.example/a", "https://login.example/{tenant}/{tenant}", "{tenantid}"]
    {
        assert!(IssuerName::template(text, Tenants::Any).is_none(), "{text}");
    }
}

#[track_caller]
fn check_key(name: &IssuerName, jwk_issuer: &str, expected: Option<KeyTenant>) {
    assert_eq!(name.key_tenant(jwk_issuer), expected, "{name}: {jwk_issuer}");
}

#[test]
fn a_key_of_an_exact_issuer_names_it_or_every_tenant() {
    let name = IssuerName::exact("https://login.example/a/v2.0");
    for jwk_issuer in ["https://login.example/a/v2.0", "https://login.example/{tenantid}/v2.0"] {
        check_key(&name, jwk_issuer, Some(KeyTenant::Every));
    }
    for jwk_issuer in [
        "",
        "{tenantid}",
        "https://login.example/b/v2.0",
        "https://login.example/A/v2.0",
        "https://login.example/a/v2.0/",
        "https://login.example/{tenant}/v2.0",
        "https://login.example/{TENANTID}/v2.0",
        "https://login.example/{tenantid}/{tenantid}",
        "https://login.example/{tenantid}/v1.0",
        "https://login.example/{tenantid}",
        "https://{tenantid}/a/v2.0",
        "https://login.example/{tenantid}a/v2.0",
        "https://other.example/{tenantid}/v2.0",
    ] {
        check_key(&name, jwk_issuer, None);
    }
    // Entra External ID has the tenant twice.
    let name = IssuerName::exact("https://a.login.example/a/v2.0");
    check_key(&name, "https://{tenantid}.login.example/{tenantid}/v2.0", Some(KeyTenant::Every));
    check_key(&name, "https://{tenantid}.login.example/a/v2.0", None);
    let name = IssuerName::exact("https://b.login.example/a/v2.0");
    check_key(&name, "https://{tenantid}.login.example/{tenantid}/v2.0", None);
    // The placeholder is a whole segment.
    let name = IssuerName::exact("https://login.example/xa/v2.0");
    check_key(&name, "https://login.example/x{tenantid}/v2.0", None);
    check_key(&name, "https://login.example/{tenantid}a/v2.0", None);
    check_key(&name, "https://login.example/{tenantid}/v2.0", Some(KeyTenant::Every));
}

#[test]
fn a_key_of_a_template_is_for_every_tenant_or_for_one() {
    let only_a = || Some(KeyTenant::Only("a".into()));
    for name in [template(Tenants::Any), template(only(&["b"]))] {
        check_key(&name, "https://login.example/{tenantid}/v2.0", Some(KeyTenant::Every));
        // The list says whose tokens are accepted, not which keys are read.
        check_key(&name, "https://login.example/a/v2.0", only_a());
        for jwk_issuer in [
            "",
            TEMPLATE,
            "https://login.example/a/v1.0",
            "https://login.example/v2.0",
            "https://login.example//v2.0",
            "https://login.example/{tenantid}",
            "https://login.example/{tenantid}/v2.0/",
            "https://login.example/{tenantid}/{tenantid}/v2.0",
            "https://other.example/a/v2.0",
        ] {
            check_key(&name, jwk_issuer, None);
        }
    }
}

#[test]
fn a_key_for_one_tenant_includes_no_other() {
    assert!(KeyTenant::Every.includes(None) && KeyTenant::Every.includes(Some("a")));
    let only_a = KeyTenant::Only("a".into());
    assert!(only_a.includes(Some("a")));
    assert!(!only_a.includes(Some("A")) && !only_a.includes(Some("b")) && !only_a.includes(None));
}
