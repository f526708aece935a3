"""Passages in nine languages, written for the tests, with questions that inflect what they say."""

from __future__ import annotations

PASSAGES = {
    "german": (
        (
            "Die Katzen schlafen am Nachmittag auf dem Dach der alten Häuser.",
            "schlafende Katze Haus",
        ),
        ("Wer seine Miete nicht bezahlt, bekommt vom Vermieter eine Mahnung.", "Mieten bezahlen"),
        ("Das Fenster wird im Frühling mit warmem Wasser und Essig geputzt.", "Fensters putzen"),
        (
            "Der Bäcker backt jeden Morgen frische Brote mit Kümmel und Salz.",
            "frisches Brot backen",
        ),
        ("Im Winter fahren viele Züge später, weil Schnee auf den Gleisen liegt.", "Zuges Gleis"),
        (
            "Die Ärztin verschreibt ihm Tabletten, die er nach dem Essen nimmt.",
            "Ärztinnen Tablette",
        ),
    ),
    "french": (
        ("Les chevaux mangent de l'herbe dans les prairies derrière la ferme.", "prairie fermes"),
        ("Le locataire doit payer son loyer avant le cinq de chaque mois.", "locataires loyers"),
        ("Nous avons nettoyé la fenêtre avec du vinaigre et de l'eau chaude.", "nettoyer fenêtres"),
        (
            "Le boulanger prépare les pains et les gâteaux avant le lever du soleil.",
            "boulangers préparent",
        ),
        (
            "Pendant l'hiver les trains circulent lentement à cause de la neige.",
            "circulation lente",
        ),
        (
            "Le médecin lui a prescrit des comprimés qu'il prend après le repas.",
            "prescrire comprimé",
        ),
    ),
    "spanish": (
        (
            "Los gatos duermen por la tarde sobre los tejados de las casas viejas.",
            "gatas tejado vieja",
        ),
        (
            "El inquilino paga el alquiler antes del día cinco de cada mes.",
            "inquilinos pagar alquileres",
        ),
        ("Limpiamos las ventanas con vinagre y con agua muy caliente.", "limpiar ventana"),
        (
            "El panadero prepara cada mañana panes frescos con semillas.",
            "panaderos preparando semilla",
        ),
        (
            "En el invierno los trenes circulan despacio a causa de la nieve.",
            "circulando inviernos",
        ),
        (
            "El médico le recetó unas pastillas que toma después de la comida.",
            "médicos pastilla recetar",
        ),
    ),
    "italian": (
        ("I gatti dormono di pomeriggio sui tetti delle vecchie case.", "gatto tetto vecchia"),
        ("L'inquilino paga l'affitto prima del cinque di ogni mese.", "inquilini affitti pagare"),
        ("Abbiamo pulito la finestra con aceto e con acqua calda.", "pulire finestre calde"),
        (
            "Il panettiere prepara ogni mattina i pani freschi con i semi.",
            "panettieri preparare fresco",
        ),
        ("Durante l'inverno i treni viaggiano lentamente a causa della neve.", "treno viaggiare"),
        (
            "Il medico gli ha prescritto delle compresse che prende dopo il pranzo.",
            "medici compressa",
        ),
    ),
    "portuguese": (
        ("Os gatos dormem à tarde sobre os telhados das casas velhas.", "gata telhado velha"),
        ("O inquilino paga a renda antes do dia cinco de cada mês.", "inquilinos pagar rendas"),
        ("Nós limpámos as janelas com vinagre e com água muito quente.", "limpar janela quentes"),
        (
            "O padeiro prepara todas as manhãs os pães frescos com sementes.",
            "padeiros preparar semente",
        ),
        ("No inverno os comboios circulam devagar por causa da neve.", "comboio circular invernos"),
        (
            "O médico receitou uns comprimidos que ele toma depois do almoço.",
            "médicos comprimido receitar",
        ),
    ),
    "dutch": (
        ("De katten slapen in de middag op het dak van de oude huizen.", "kat slaap daken"),
        ("De huurder betaalt de huur voor de vijfde dag van de maand.", "huurders betalen maanden"),
        ("Wij hebben het raam met azijn en met warm water schoongemaakt.", "ramen warme azijnen"),
        ("De bakker maakt elke ochtend verse broden met zaad en zout.", "bakkers brood vers"),
        ("In de winter rijden de treinen langzaam door de sneeuw.", "trein langzame winters"),
        ("De dokter schreef hem tabletten voor die hij na het eten neemt.", "dokters tablet"),
    ),
    "russian": (
        ("Кошки спят после обеда на крышах старых домов.", "кошка крыша дома"),
        ("Жилец должен заплатить за квартиру до пятого числа каждого месяца.", "жильцы квартиры"),
        ("Мы вымыли окно уксусом и тёплой водой.", "окна уксус"),
        ("Пекарь каждое утро печёт свежие булки с маком.", "пекари свежая булка"),
        ("Зимой поезда идут медленно из-за снега на путях.", "поездов снегом"),
        ("Врач прописал ему таблетки, которые он принимает после еды.", "врачи таблетка"),
    ),
    "swedish": (
        ("Katterna sover på eftermiddagen på taken av de gamla husen.", "katt tak hus"),
        ("Hyresgästen betalar hyran före den femte dagen i varje månad.", "hyresgäster hyror"),
        ("Vi har tvättat fönstret med ättika och med varmt vatten.", "fönster varma vattnet"),
        ("Bagaren bakar varje morgon färska bröd med frön och salt.", "bagare baka fröna"),
        ("På vintern går tågen långsamt på grund av snön.", "tåg vintrar"),
        ("Läkaren skrev ut tabletter som han tar efter maten.", "läkare tablett"),
    ),
    "english": (
        ("The cats are sleeping on the roofs of the old houses.", "cat sleeps roof"),
        ("The tenant pays the rent before the fifth of the month.", "tenants paying rents"),
        ("We have cleaned the window with vinegar and warm water.", "cleaning windows"),
        ("Every morning the baker makes fresh loaves with seeds and salt.", "bakers seed"),
        ("In winter the trains are slow because of the snow.", "train winters"),
        ("The doctor prescribed tablets that he takes after meals.", "doctors prescribing tablet"),
    ),
}
"""Language -> (passage, question that means it)."""
